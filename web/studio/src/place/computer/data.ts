/** Data files on this computer. */

import type { DataEntry, DataFiles } from "../data.ts";
import { ask, upload } from "./http.ts";

export const data: DataFiles = {
  list: async (kind) => (await ask("get", "/api/data", { query: { kind } })) as DataEntry[],
  add: async (kind, name, file, progress) =>
    (await upload("/api/data", name, file, progress, { query: { kind } })) as DataEntry,
  addFile: async (id, name, file, progress) =>
    (await upload("/api/data/{id}/files", name, file, progress, { id })) as DataEntry,
  survey: (id, body) => ask("post", "/api/data/{id}/survey", { id, body }),
  rename: async (id, name) =>
    (await ask("patch", "/api/data/{id}", { id, body: { name } })) as DataEntry,
  remove: (id) => ask("delete", "/api/data/{id}", { id }),
};
