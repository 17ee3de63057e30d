/** Music in this browser alone: composing with a saved model, in the Worker. */

import { proxy } from "comlink";
import { configError } from "../../../../kernel/src/errors.ts";
import type { Music } from "../music.ts";
import { work } from "./corpora.ts";
import { plain } from "./database.ts";

const UNREAD =
  "This browser composes with models that were brought, and goes on from what they made; files of " +
  "music are read, and learned from, on this computer.";

let jobs = 0;

export const music: Music = {
  formats: ["mid", "abc", "musicxml"],
  unread: UNREAD,
  compose(model, request, progress) {
    // Numbers of their own: jobs of the text models count from 1.
    const job = -++jobs;
    const tell = proxy(async (share: number) => progress?.(share));
    return {
      result: work().composeMusic(job, model, plain(request), tell),
      stop: () => void work().stop(job),
    };
  },
  async read() {
    throw configError(UNREAD);
  },
  async render(piece, format) {
    const types = { abc: "text/vnd.abc", mid: "audio/midi", musicxml: "application/xml", wav: "" };
    const data = await work().renderMusic(plain(piece), format);
    return new Blob([data], { type: types[format] });
  },
  trace: (model, tokens) => work().traceMusic(model, [...tokens]),
};
