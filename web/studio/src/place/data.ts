/**
 * Files that are no texts: tables, labelled series, number sequences, music. Only screens of those
 * kinds import this, so that the others stay small.
 */

import type { Place, Progress } from "./place.ts";

export interface DataEntry {
  id: string;
  name: string;
  /** "series", "numbers", "labels" or "music". */
  kind: string;
  origin: "mine" | "example" | "public";
  bytes: number;
  files: number;
  added: string | null;
  about: string | null;
  licence: string | null;
  /** Whether it is on this computer; a public set that is not is brought by the first training. */
  ready: boolean;
  /** What was seen of it when it came or was fetched; which facts depends on the kind. */
  facts: Record<string, unknown>;
}

export interface DataFiles {
  /** A person's own, newest first, then the examples, then public sets, those here first. */
  list(kind: string): Promise<DataEntry[]>;
  /** Take in a file; refused with a sentence where the kind cannot read it. */
  add(kind: string, name: string, data: Blob, progress?: Progress): Promise<DataEntry>;
  /** Add a file to an entry that may have several (music). */
  addFile(id: string, name: string, data: Blob, progress?: Progress): Promise<DataEntry>;
  /** Bring a public set of one file here, or look into one that is here: its entry, with facts. */
  fetch?(id: string, progress?: Progress): Promise<DataEntry>;
  /** What is in it, read with settings; which facts depends on the kind. */
  survey(id: string, options: Record<string, unknown>): Promise<Record<string, unknown>>;
  rename(id: string, name: string): Promise<DataEntry>;
  remove(id: string): Promise<void>;
}

/** The data of a place; null where it keeps none of that kind: this browser only files of series. */
export async function dataOf(place: Place, kind: string): Promise<DataFiles | null> {
  if (place.kind === "computer") return (await import("./computer/data.ts")).data;
  if (kind !== "labels" && kind !== "series") return null;
  return (await import("./browser/data.ts")).data;
}
