/** Music on this computer, over HTTP. */

import type { Composed, Music } from "../music.ts";
import { FORMATS } from "../music.ts";
import { lines, request, upload } from "./http.ts";
import { readTrace } from "./trace.ts";

export const music: Music = {
  formats: FORMATS,
  unread: null,
  compose(id, body, progress) {
    const controller = new AbortController();
    const { signal } = controller;
    const work = async (): Promise<Composed | null> => {
      let answer: Composed | null = null;
      await lines("/api/music/models/{id}/compose", { id, body, signal }, (line) => {
        if (typeof line.share === "number") progress?.(line.share);
        answer = (line.result as Composed | undefined) ?? answer;
      });
      return answer;
    };
    return { result: work(), stop: () => controller.abort() };
  },
  read: (name, data) => upload("/api/music/read", name, data),
  async render(piece, format) {
    const response = await request("post", "/api/music/render", { body: { piece, format } });
    return response.blob();
  },
  async trace(id, tokens) {
    const body = { tokens };
    const response = await request("post", "/api/music/models/{id}/trace", { id, body });
    return readTrace(await response.arrayBuffer());
  },
};
