/** What this browser keeps: texts, models, runs with their whole history, in one IndexedDB. */

import {
  openDB,
  type DBSchema,
  type IDBPDatabase,
  type IDBPTransaction,
  type StoreNames,
} from "idb";
import type { Checkpoint } from "../../../../kernel/src/training.ts";
import type { DataEntry } from "../data.ts";
import type { CorpusEntry, ModelEntry, RunEntry, RunEvent } from "../types.ts";
import type { DropoutPreset, SettingsByClass } from "./settings.ts";
import { quotaSentence } from "./quota.ts";

export interface CorpusRecord extends CorpusEntry {
  sha256: string;
}

/** What the loop has to remember beside weights and optimiser: learning/checkpoint.py's Progress. */
export interface Progress {
  step: number;
  elapsed_s: number;
  best_loss: number | null;
  best_step: number | null;
  since_best: number;
  posterior: number;
  first_loss: number | null;
  plateau: { factor: number; best: number | null; since: number };
  validated_step: number;
  sampled_step: number;
  finished: "budget" | "patience" | null;
  /** Of the steps since the last point of the curve, so that none is lost with an interruption. */
  mean: {
    sums: { loss_nats: number; accuracy: number; mean_posterior: number; positions: number };
    norm: number;
    steps: number;
    rate: number;
  };
}

export interface CheckpointRecord {
  run: string;
  training: Checkpoint;
  progress: Progress;
  /** What the model file says of these weights. */
  document: Record<string, unknown>;
}

export interface RunRecord {
  id: string;
  entry: RunEntry;
  settings: SettingsByClass;
  /** From which the dropout follows once the text is read; null where it is chosen. */
  suits: DropoutPreset | null;
  /** Recurra's. */
  version: string;
  /** Of the text, so that a run is never resumed on another one. */
  sha256: string;
  /** Events that are kept, and how many of them the last checkpoint has seen. */
  events: number;
  checkpoint_events: number;
}

export interface EventChunk {
  run: string;
  /** Number of the first one, counted from the run's beginning. */
  first: number;
  events: RunEvent[];
}

interface Schema extends DBSchema {
  corpora: { key: string; value: CorpusRecord };
  texts: { key: string; value: Uint8Array };
  runs: { key: string; value: RunRecord };
  events: { key: [string, number]; value: EventChunk };
  checkpoints: { key: string; value: CheckpointRecord };
  models: { key: string; value: ModelEntry };
  /** Of models, and of data that are no texts. */
  files: { key: string; value: Uint8Array };
  data: { key: string; value: DataEntry };
  settings: { key: string; value: unknown };
}

export type Store = StoreNames<Schema>;
export type Database = IDBPDatabase<Schema>;
type Saving = IDBPTransaction<Schema, Store[], "readwrite">;

const NAME = "recurra";
/** 2 has `data`. */
const VERSION = 2;

let opened: Promise<Database> | undefined;

/** Open the one database of this page or Worker. */
export function database(): Promise<Database> {
  opened ??= openDB<Schema>(NAME, VERSION, {
    upgrade(db, before) {
      if (before < 2) db.createObjectStore("data", { keyPath: "id" });
      if (before) return;
      for (const store of ["corpora", "runs", "models"] as const) {
        db.createObjectStore(store, { keyPath: "id" });
      }
      for (const store of ["texts", "files", "settings"] as const) db.createObjectStore(store);
      db.createObjectStore("checkpoints", { keyPath: "run" });
      db.createObjectStore("events", { keyPath: ["run", "first"] });
    },
    // A newer version of the page wants to change the form of the database: let it.
    blocking: (_current, _next, event) => (event.target as IDBDatabase).close(),
    terminated: () => {
      opened = undefined;
    },
  });
  return opened;
}

/**
 * Save in one transaction: all of it is kept, or nothing. Throws ResourceError with a sentence where
 * the storage is full.
 */
export async function save(
  stores: Store[],
  write: (transaction: Saving) => void | Promise<void>,
): Promise<void> {
  const db = await database();
  const transaction = db.transaction(stores, "readwrite", { durability: "strict" });
  // Its end is watched from the start: an abort before `write` is done must not go unheard.
  const done = transaction.done.then(
    () => null,
    (error: unknown) => error,
  );
  try {
    await write(transaction);
  } catch (error) {
    try {
      transaction.abort();
    } catch {
      // It has ended by itself.
    }
    await done;
    throw await quotaSentence(error);
  }
  const error = await done;
  if (error) throw await quotaSentence(error);
}

/** Return the key range of all events of a run from one number on. */
export const eventsFrom = (run: string, first = 0): IDBKeyRange =>
  IDBKeyRange.bound([run, first], [run, Number.MAX_SAFE_INTEGER]);

/** Return a text as lists show it. */
export const withoutDigest = ({ sha256: _, ...entry }: CorpusRecord): CorpusEntry => entry;

/** Return a copy of JSON data. A screen's state may be a proxy, which no message and no store holds. */
export const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/** Return a name that nothing else has. */
export const newId = (kind: string): string =>
  `${kind}-${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}`;
