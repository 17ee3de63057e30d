/**
 * One place to work. The studio has two behind this interface: this computer (the HTTP
 * application) and this browser (a Worker with the kernel, and IndexedDB). Screens know no other.
 *
 * Data has the names of the Python library and of the HTTP API, in snake case, so that a JSON
 * answer is what a screen reads. Everything that runs longer returns a `Running`.
 */

import type {
  Continuation,
  CopiesAnswer,
  CorpusEntry,
  GenerateRequest,
  InsideAnswer,
  ModelEntry,
  OptionGroup,
  Piece,
  PlaceFacts,
  Preset,
  RunEntry,
  RunEvent,
  SaliencyAnswer,
  StartRequest,
  Survey,
  TraceAnswer,
} from "./types.ts";

/**
 * What a place refuses, with the sentence for a person as its message. `field` is the setting that
 * it is about, where it is about one.
 */
export interface Refusal extends Error {
  field?: string | null;
}

export type Stop = () => void;

export interface Running<T> {
  result: Promise<T>;
  /** Ask it to end early; `result` then is what there is by then. */
  stop: Stop;
}

/** Share of the work done, from 0 to 1. */
export type Progress = (share: number) => void;

export interface Corpora {
  list(): Promise<CorpusEntry[]>;
  /** Take in a text: pasted, dropped or uploaded. Refused with a sentence where it is no text. */
  add(name: string, data: Blob, progress?: Progress): Promise<CorpusEntry>;
  /** Make a public corpus ready that is not here yet. */
  fetch(id: string, progress?: Progress): Promise<CorpusEntry>;
  /** What is in it; `options` are settings of the text group that change how it is read. */
  survey(id: string, options: Record<string, unknown>): Promise<Survey>;
  /** A random passage, from the held-out part where there is one; the same for the same seed. */
  passage(id: string, length: number, seed: number): Promise<string>;
  rename(id: string, name: string): Promise<CorpusEntry>;
  remove(id: string): Promise<void>;
}

export interface Runs {
  /** Those of one kind; of text where none is named. */
  list(kind?: string): Promise<RunEntry[]>;
  get(id: string): Promise<RunEntry>;
  start(request: StartRequest): Promise<RunEntry>;
  /**
   * Hear every event of a run from its beginning, those of the past in one array first, then each
   * as it happens. `anew` says: forget what you heard, these events are everything so far (a run
   * that is resumed may have been cut back to its last checkpoint). `lost` is called with a
   * sentence when the place cannot be reached, and with null when it is back; watching goes on by
   * itself once it can.
   */
  watch(
    id: string,
    hear: (events: RunEvent[], anew?: boolean) => void,
    lost?: (why: string | null) => void,
  ): Stop;
  pause(id: string): Promise<void>;
  /** Let a run that is paused take one step; done once it rests again. */
  step(id: string): Promise<void>;
  /** Go on with a run that is paused, was stopped, or was cut off; `changes` may enlarge its budget. */
  resume(id: string, changes?: Record<string, unknown>): Promise<void>;
  /** End it; the model so far stays. */
  stop(id: string): Promise<void>;
  /** "Keep this checkpoint": a model of its own from the run as it is now. */
  keep(id: string, name: string): Promise<ModelEntry>;
  rename(id: string, name: string): Promise<RunEntry>;
  remove(id: string): Promise<void>;
}

export interface Models {
  list(): Promise<ModelEntry[]>;
  get(id: string): Promise<ModelEntry>;
  /** Read a `.safetensors` model file. */
  add(name: string, data: Blob): Promise<ModelEntry>;
  /** The model's file, as Python and every other Recurra reads it. */
  file(id: string): Promise<Blob>;
  rename(id: string, name: string): Promise<ModelEntry>;
  remove(id: string): Promise<void>;

  generate(id: string, request: GenerateRequest, hear: (piece: Piece) => void): Running<void>;
  /** The likeliest next tokens after a text, unchanged by any sampling rule. */
  next(id: string, text: string, count: number): Promise<Continuation[]>;
  /** Passages of `text` that stand in the corpus that the model learned, of at least 20 characters. */
  copies(id: string, text: string): Promise<CopiesAnswer>;
  trace(id: string, text: string): Promise<TraceAnswer>;
  /** Gradient of the log-probability of `target` (the character that follows, if null) after `position`. */
  saliency(
    id: string,
    text: string,
    position: number,
    target: string | null,
  ): Promise<SaliencyAnswer>;
  /** What each unit responds to and how long it remembers, over a text. */
  inside(
    id: string,
    text: string,
    pattern: string | null,
    progress?: Progress,
  ): Running<InsideAnswer>;
}

export interface Place {
  readonly kind: "computer" | "browser";
  facts(): Promise<PlaceFacts>;
  /**
   * Every setting that a person can make here, from the option classes' JSON schema. What is not shown
   * at once may lack the words of what it means, unless `all` are asked for.
   */
  options(kind?: string, all?: boolean): Promise<OptionGroup[]>;
  /** The named sets of settings, the smallest first. */
  presets(kind?: string): Promise<Preset[]>;
  corpora: Corpora;
  runs: Runs;
  models: Models;
}
