/** What a place and the screens say to each other. Times are seconds, losses nats, sizes bytes. */

export interface PlaceFacts {
  kind: "computer" | "browser";
  /** Recurra's version. */
  version: string;
  /** Where and how it computes: "native, x86-64-v4+bf16, 2 threads". */
  engine: string;
  threads: number;
  /** Largest upload that is taken; null where only the quota bounds it. */
  upload_limit: number | null;
  storage: { used: number; quota: number | null; persistent: boolean | null };
  /** "no GPU" or what there is. */
  device: string;
}

/** One group of settings with its JSON schema; `x-` keys carry unit, short flag and `advanced`. */
export interface OptionGroup {
  /** "text", "network", "training", "optimiser", "schedule", "sampling", ... */
  name: string;
  title: string;
  schema: OptionSchema;
  /** Fields that this place cannot do, with the reason as a sentence. */
  unavailable: Record<string, string>;
}

export interface OptionSchema {
  properties: Record<string, OptionField>;
  required?: string[];
}

export interface OptionField {
  type?: string;
  enum?: (string | number)[];
  anyOf?: OptionField[];
  items?: OptionField;
  default?: unknown;
  description?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  unit?: string;
  short?: string;
  /** What each choice means, by its name. */
  choices?: Record<string, string>;
  advanced?: boolean;
}

export interface Preset {
  name: string;
  about: string;
  /** Settings by name. */
  values: Record<string, unknown>;
  parameters: number;
}

export interface CorpusEntry {
  id: string;
  name: string;
  /** "mine" for one that a person brought. */
  origin: "mine" | "public";
  bytes: number | null;
  characters: number | null;
  added: string | null;
  licence: string | null;
  about: string | null;
  /** Whether it can be used at once; a public one may have to be fetched first. */
  ready: boolean;
}

export interface Survey {
  characters: number;
  lines: number;
  words: number;
  /** Commonest first; `shown` is the character as a person reads it ("␣", "⏎"). */
  histogram: { character: string; shown: string; count: number }[];
  /** How many tokens the vocabulary has with the options asked for. */
  vocabulary_size: number;
  preview: string;
  split: { train: number; validation: number; test: number };
  /** Sentences, most important first. */
  advice: { level: "good" | "note" | "warning"; text: string }[];
}

export interface StartRequest {
  /** What it learns: "text" where it is left out, else "series", "numbers", "labels", "music". */
  kind?: string;
  /** The text to learn from; null for other kinds. */
  corpus: string | null;
  /** The data to learn from (place/data.ts), for other kinds than text. */
  data?: string | null;
  name: string | null;
  preset: string | null;
  /** Settings by name, of any group; the budget (steps, epochs or seconds) among them. */
  options: Record<string, unknown>;
}

export type RunStatus = "running" | "paused" | "finished" | "interrupted" | "failed";

export interface RunEntry {
  id: string;
  name: string;
  kind: string;
  status: RunStatus;
  /** For a failure: why, as a sentence. */
  message: string | null;
  created: string;
  corpus: { id: string | null; name: string };
  preset: string | null;
  options: Record<string, unknown>;
  step: number;
  steps: number | null;
  seconds: number | null;
  elapsed_s: number;
  progress: number;
  best_loss_nats: number | null;
  parameters: number | null;
  /** The model that came of it so far. */
  model: string | null;
}

/** The lines of a run folder's metrics.jsonl and samples.jsonl (src/recurra/learning/events.py). */
export type RunEvent =
  | {
      event: "started";
      step: number;
      steps: number | null;
      seconds: number | null;
      elapsed_s: number;
      epoch: number;
      unit: string;
      parameters: number;
      engine: string;
      outputs: number;
      run: string | null;
    }
  | {
      event: "step";
      step: number;
      epoch: number;
      loss_nats: number;
      accuracy: number;
      mean_posterior: number;
      learning_rate: number;
      gradient_norm: number;
      tokens_per_second: number;
      elapsed_s: number;
      memory_bytes: number;
      measures: Record<string, number>;
    }
  | {
      event: "validated";
      step: number;
      epoch: number;
      loss_nats: number;
      accuracy: number;
      best: boolean;
      elapsed_s: number;
      duration_s: number;
      measures: Record<string, number>;
    }
  | {
      event: "sampled";
      step: number;
      elapsed_s: number;
      samples: { temperature: number; text: string }[];
    }
  | { event: "checkpointed"; step: number; elapsed_s: number; duration_s: number }
  | {
      event: "finished";
      step: number;
      reason: "budget" | "patience" | "interrupted";
      elapsed_s: number;
      best_loss_nats: number | null;
      best_step: number | null;
    }
  | { event: "failed"; step: number; message: string; elapsed_s: number }
  /** Not in the files: how the run stands, whenever that changes. */
  | { event: "status"; run: RunEntry };

export interface ModelEntry {
  id: string;
  name: string;
  kind: string;
  created: string;
  bytes: number;
  parameters: number;
  /** "LSTM 256, 256" and the like. */
  network: string;
  vocabulary_size: number;
  unit: string;
  /** Held-out loss when it was saved. */
  loss_nats: number | null;
  bits_per_char: number | null;
  corpus: { id: string | null; name: string | null };
  run: string | null;
  /** The whole document of the model file: spec, task, provenance. */
  document: Record<string, unknown>;
}

export interface GenerateRequest {
  prime: string;
  /** Tokens; 0 goes on until it is stopped. */
  length: number;
  /** Decimal digits: seeds have 64 bits. */
  seed: string;
  sample: number;
  temperature: number;
  top_k: number;
  top_p: number;
  min_p: number;
  stop: string[];
  unknown: "refuse" | "replace";
}

export interface Piece {
  text: string;
  /** Of each token in `tokens`, before any sampling rule, nats. */
  log_probs: number[];
  /** Each token as text; their concatenation is `text` but for characters that are still incomplete. */
  tokens: string[];
  ended: boolean;
}

export interface Continuation {
  token: string;
  probability: number;
}

export interface CopiesAnswer {
  /** Whether the corpus is here to compare with. */
  known: boolean;
  copies: {
    start: number;
    length: number;
    corpus_start: number;
    corpus: string;
    context: string;
  }[];
  /** Share of the text inside copies of at least `shortest` characters. */
  share: number;
  shortest: number;
}

export interface TraceAnswer {
  /** Tokens as they are shown; the first is the start token, which is no part of the text. */
  tokens: string[];
  sizes: number[];
  /** Per layer, each [tokens * units], row-major: i f g o c h where the cell has them. */
  layers: Record<string, Float32Array>[];
  /** Surprise of tokens[n] in nats; NaN for the start token. */
  surprise: Float32Array;
  /** The five likeliest tokens after each token. */
  likeliest: Continuation[][];
}

export interface SaliencyAnswer {
  position: number;
  target: string;
  log_prob: number;
  /** Per token 0..position: norm, and gradient times input (signed). */
  norm: Float32Array;
  dot: Float32Array;
}

export interface UnitFacts {
  layer: number;
  unit: number;
  mean_forget: number | null;
  /** In tokens; null where the gate never closes. */
  half_life: number | null;
  /** Best simple explanation: "inside quotes", "position in line", ... */
  feature: string | null;
  bits: number | null;
  share: number | null;
  p_value: number | null;
  mean_on: number | null;
  mean_off: number | null;
}

export interface InsideAnswer {
  units: UnitFacts[];
  features: string[];
}
