/** The texts in this browser: those that a person brought, and those that came with the site. */

import { wrap, type Remote } from "comlink";
import { configError, resourceError } from "../../../../kernel/src/errors.ts";
import type { Corpora, Progress } from "../place.ts";
import type { CorpusEntry, Survey } from "../types.ts";
import { database, save, withoutDigest, type CorpusRecord } from "./database.ts";
import { cleanName } from "./entries.ts";
import { gather } from "./options.ts";
import { askToPersist } from "./quota.ts";
import { startWorker } from "./start-worker.ts";
import { pass } from "./work/errors.ts";
import type { Work } from "./work/work.ts";

pass();

/** What lies beside a static site: corpora/index.json, written by the export. */
interface Public {
  id: string;
  name: string;
  file: string;
  bytes: number;
  characters: number;
  sha256: string;
  licence: string;
  about: string;
}

const PUBLIC = "public-";

let helper: Remote<Work> | undefined;

/** The Worker that reads texts and asks models; one for the page, started when it is needed. */
export function work(): Remote<Work> {
  helper ??= wrap<Work>(startWorker("work"));
  return helper;
}

export class BrowserCorpora implements Corpora {
  private catalogue: Promise<Public[]> | undefined;

  /** Return the texts that came with the site; none where it came with none. */
  private publics(): Promise<Public[]> {
    this.catalogue ??= fetch("corpora/index.json")
      .then(async (response) => (response.ok ? ((await response.json()) as Public[]) : []))
      .catch(() => []);
    return this.catalogue;
  }

  async list(): Promise<CorpusEntry[]> {
    const [records, publics] = await Promise.all([
      database().then((db) => db.getAll("corpora")),
      this.publics(),
    ]);
    const mine = records.filter(({ origin }) => origin === "mine");
    mine.sort((a, b) => (b.added ?? "").localeCompare(a.added ?? ""));
    const known = new Map(records.map((record) => [record.id, record]));
    // One that is here already stays in the list when the site cannot be reached.
    const ids = new Set(publics.map(({ id }) => PUBLIC + id));
    const orphans = records.filter(({ origin, id }) => origin === "public" && !ids.has(id));
    const shown = publics.map((one) => known.get(PUBLIC + one.id) ?? entryOf(one));
    return [...mine, ...shown, ...orphans].map(withoutDigest);
  }

  async add(name: string, data: Blob, progress?: Progress): Promise<CorpusEntry> {
    void askToPersist();
    progress?.(0.1);
    const entry = await work().addCorpus(cleanName(name, "text"), data, null);
    progress?.(1);
    return entry;
  }

  async fetch(id: string, progress?: Progress): Promise<CorpusEntry> {
    const there = await (await database()).get("corpora", id);
    if (there) return withoutDigest(there);
    const one = (await this.publics()).find((each) => PUBLIC + each.id === id);
    if (!one) throw configError("There is no such text here; it may have been removed.");
    const data = await download(`corpora/${one.file}`, one, progress);
    void askToPersist();
    return work().addCorpus(one.name, data, {
      id,
      licence: one.licence,
      about: one.about,
      sha256: one.sha256,
    });
  }

  /** Return a text that is here, brought here first where it came with the site. */
  async ready(id: string): Promise<CorpusRecord> {
    await this.fetch(id);
    const record = await (await database()).get("corpora", id);
    if (!record) throw configError("There is no such text here; it may have been removed.");
    return record;
  }

  async survey(id: string, options: Record<string, unknown>): Promise<Survey> {
    await this.ready(id);
    return work().survey(id, gather(options, null).text);
  }

  async passage(id: string, length: number, seed: number): Promise<string> {
    await this.ready(id);
    return work().passage(id, length, seed);
  }

  async rename(id: string, name: string): Promise<CorpusEntry> {
    const record = await this.mine(id, "renamed");
    const next = { ...record, name: cleanName(name, record.name) };
    await save(["corpora"], (transaction) => void transaction.objectStore("corpora").put(next));
    return withoutDigest(next);
  }

  async remove(id: string): Promise<void> {
    await this.mine(id, "removed");
    await save(["corpora", "texts"], (transaction) => {
      void transaction.objectStore("corpora").delete(id);
      void transaction.objectStore("texts").delete(id);
    });
  }

  private async mine(id: string, what: string): Promise<CorpusRecord> {
    if (id.startsWith(PUBLIC)) throw configError(`A public text cannot be ${what}.`);
    return this.ready(id);
  }
}

function entryOf({ id, name, bytes, characters, licence, about }: Public): CorpusRecord {
  return {
    id: PUBLIC + id,
    name,
    origin: "public",
    bytes,
    characters,
    added: null,
    licence,
    about,
    // It comes from the same site when it is first used.
    ready: true,
    sha256: "",
  };
}

async function download(path: string, one: Public, progress?: Progress): Promise<Blob> {
  let response: Response;
  try {
    response = await fetch(path);
  } catch {
    throw resourceError(
      `${one.name} could not be loaded: the site cannot be reached; go online once.`,
    );
  }
  if (!response.ok || !response.body) {
    throw resourceError(`${one.name} could not be loaded: the server answered ${response.status}.`);
  }
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let done = 0;
  for (let reader = response.body.getReader(); ;) {
    const { value, done: ended } = await reader.read();
    if (ended) return new Blob(parts);
    parts.push(value);
    done += value.length;
    progress?.(Math.min(1, done / one.bytes));
  }
}
