/** Files of series that were brought to this browser, to be asked about. */

import { configError } from "../../../../kernel/src/errors.ts";
import type { DataEntry, DataFiles } from "../data.ts";
import { work } from "./corpora.ts";
import { database, newId, save } from "./database.ts";
import { cleanName } from "./entries.ts";

const GONE = "There are no such data here; they may have been removed.";

async function entryOf(id: string): Promise<DataEntry> {
  const found = await (await database()).get("data", id);
  if (!found) throw configError(GONE);
  return found;
}

export const data: DataFiles = {
  async list(kind) {
    const found = await (await database()).getAll("data");
    return found
      .filter((one) => one.kind === kind)
      .sort((a, b) => (b.added ?? "").localeCompare(a.added ?? ""));
  },
  async add(kind, name, file) {
    const entry: DataEntry = {
      id: newId("data"),
      name: cleanName(name, "data"),
      kind,
      origin: "mine",
      bytes: file.size,
      files: 1,
      added: new Date().toISOString(),
      about: null,
      licence: null,
      ready: true,
      facts: await (kind === "series" ? work().surveySeries : work().surveyLabelled)(name, file),
    };
    const bytes = new Uint8Array(await file.arrayBuffer());
    await save(["data", "files"], (transaction) => {
      void transaction.objectStore("data").put(entry);
      void transaction.objectStore("files").put(bytes, entry.id);
    });
    return entry;
  },
  async addFile() {
    throw configError("Data of this kind are one file.");
  },
  async survey(id) {
    return (await entryOf(id)).facts;
  },
  async rename(id, name) {
    const next = { ...(await entryOf(id)), name: cleanName(name, "data") };
    await save(["data"], (transaction) => void transaction.objectStore("data").put(next));
    return next;
  },
  remove: (id) =>
    save(["data", "files"], (transaction) => {
      void transaction.objectStore("data").delete(id);
      void transaction.objectStore("files").delete(id);
    }),
};
