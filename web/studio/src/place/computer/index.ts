/** This computer: the HTTP application that serves the page. */

import type { Corpora, Models, Place, Runs, Running } from "../place.ts";
import type { CorpusEntry, InsideAnswer, OptionGroup, Piece, Preset } from "../types.ts";
import { watchRun } from "./events.ts";
import { ask, lines, request, upload } from "./http.ts";
import { readTrace } from "./trace.ts";

const corpora: Corpora = {
  list: () => ask("get", "/api/corpora"),
  add: (name, data, progress) => upload("/api/corpora", name, data, progress),
  async fetch(id, progress) {
    let entry: CorpusEntry | undefined;
    await lines("/api/corpora/{id}/fetch", { id }, (line) => {
      if (typeof line.share === "number") progress?.(line.share);
      entry = (line.result as CorpusEntry | undefined) ?? entry;
    });
    return entry ?? missing();
  },
  survey: (id, options) => ask("post", "/api/corpora/{id}/survey", { id, body: options }),
  passage: (id, length, seed) =>
    ask("get", "/api/corpora/{id}/passage", { id, query: { length, seed } }),
  rename: (id, name) => ask("patch", "/api/corpora/{id}", { id, body: { name } }),
  remove: (id) => ask("delete", "/api/corpora/{id}", { id }),
};

const runs: Runs = {
  list: (kind = "text") => ask("get", "/api/runs", { query: { kind } }),
  get: (id) => ask("get", "/api/runs/{id}", { id }),
  start: (request) => ask("post", "/api/runs", { body: { kind: "text", ...request } }),
  watch: watchRun,
  pause: (id) => ask("post", "/api/runs/{id}/pause", { id }),
  step: (id) => ask("post", "/api/runs/{id}/step", { id }),
  resume: (id, changes = {}) => ask("post", "/api/runs/{id}/resume", { id, body: { changes } }),
  stop: (id) => ask("post", "/api/runs/{id}/stop", { id }),
  keep: (id, name) => ask("post", "/api/runs/{id}/keep", { id, body: { name } }),
  rename: (id, name) => ask("patch", "/api/runs/{id}", { id, body: { name } }),
  remove: (id) => ask("delete", "/api/runs/{id}", { id }),
};

const models: Models = {
  list: () => ask("get", "/api/models"),
  get: (id) => ask("get", "/api/models/{id}", { id }),
  add: (name, data) => upload("/api/models", name, data),
  file: async (id) => (await request("get", "/api/models/{id}/file", { id })).blob(),
  rename: (id, name) => ask("patch", "/api/models/{id}", { id, body: { name } }),
  remove: (id) => ask("delete", "/api/models/{id}", { id }),
  generate(id, body, hear) {
    const { signal, stop } = stoppable();
    const said = lines("/api/models/{id}/generate", { id, body, signal }, (line) =>
      hear(line as unknown as Piece),
    );
    return { result: said, stop };
  },
  next: (id, text, count) => ask("post", "/api/models/{id}/next", { id, body: { text, count } }),
  copies: (id, text) => ask("post", "/api/models/{id}/copies", { id, body: { text } }),
  async trace(id, text) {
    const response = await request("post", "/api/models/{id}/trace", { id, body: { text } });
    return readTrace(await response.arrayBuffer());
  },
  async saliency(id, text, position, target) {
    const answer = await ask("post", "/api/models/{id}/saliency", {
      id,
      body: { text, position, target },
    });
    return {
      ...answer,
      norm: Float32Array.from(answer.norm),
      dot: Float32Array.from(answer.dot),
    };
  },
  inside(id, text, pattern, progress): Running<InsideAnswer> {
    const { signal, stop } = stoppable();
    async function work(): Promise<InsideAnswer> {
      let answer: InsideAnswer | undefined;
      await lines("/api/models/{id}/inside", { id, body: { text, pattern }, signal }, (line) => {
        if (typeof line.share === "number") progress?.(line.share);
        answer = (line.result as InsideAnswer | undefined) ?? answer;
      });
      // Stopped before the end there is nothing yet.
      return answer ?? (signal.aborted ? { units: [], features: [] } : missing());
    }
    return { result: work(), stop };
  },
};

/** The place; `find.ts` tells whether it is there. */
export const computer: Place = {
  kind: "computer",
  facts: () => ask("get", "/api/facts"),
  options: async (kind = "text") =>
    (await ask("get", "/api/options", { query: { kind } })) as unknown as OptionGroup[],
  presets: async (kind = "text") =>
    (await ask("get", "/api/presets", { query: { kind } })) as Preset[],
  corpora,
  runs,
  models,
};

function stoppable(): { signal: AbortSignal; stop: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, stop: () => controller.abort() };
}

function missing(): never {
  throw new Error("The studio's answer ended too early; try again.");
}
