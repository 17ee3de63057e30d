/** Files that a person brought, as the Worker reads them. */

import { configError } from "../../../../../kernel/src/errors.ts";
import { database } from "../database.ts";
import { readText, unpacked } from "../reading.ts";

/** The text of a file; gzip is opened. Throws FormatError where it is none. */
export const textOf = async (name: string, file: Blob): Promise<string> =>
  readText(await unpacked(file), {}, name) as string;

/** Data as a model reads them: made of a file's name and text, and kept until others are asked for. */
export class Brought<Columns, Data> {
  private last: { key: string; data: Data } | null = null;

  constructor(private readonly read: (text: string, name: string, columns: Columns) => Data) {}

  /** Throws where the data are gone, and what reading them throws. */
  async of(id: string, columns: Columns): Promise<Data> {
    const key = JSON.stringify([id, columns]);
    if (this.last?.key !== key) {
      const db = await database();
      const [entry, bytes] = await Promise.all([db.get("data", id), db.get("files", id)]);
      if (!entry || !bytes) {
        throw configError("There are no such data here; they may have been removed.");
      }
      const text = await textOf(entry.name, new Blob([bytes as Uint8Array<ArrayBuffer>]));
      this.last = { key, data: this.read(text, entry.name, columns) };
    }
    return this.last.data;
  }
}
