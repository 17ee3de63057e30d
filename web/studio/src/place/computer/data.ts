/** Data files on this computer. */

import type { DataEntry, DataFiles } from "../data.ts";
import { ask, HttpRefusal, lines, upload } from "./http.ts";

export const data: DataFiles = {
  list: async (kind) => (await ask("get", "/api/data", { query: { kind } })) as DataEntry[],
  add: async (kind, name, file, progress) =>
    (await upload("/api/data", name, file, progress, { query: { kind } })) as DataEntry,
  addFile: async (id, name, file, progress) =>
    (await upload("/api/data/{id}/files", name, file, progress, { id })) as DataEntry,
  async fetch(id, progress) {
    let entry: DataEntry | undefined;
    await lines("/api/data/{id}/fetch", { id }, (line) => {
      if (typeof line.share === "number") progress?.(line.share);
      entry = (line.result as DataEntry | undefined) ?? entry;
    });
    if (!entry) throw new HttpRefusal(0, "The studio said nothing of these data; try again.");
    return entry;
  },
  survey: (id, body) => ask("post", "/api/data/{id}/survey", { id, body }),
  rename: async (id, name) =>
    (await ask("patch", "/api/data/{id}", { id, body: { name } })) as DataEntry,
  remove: (id) => ask("delete", "/api/data/{id}", { id }),
};
