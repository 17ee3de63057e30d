/** What a page and its kernel Worker say to each other. */

import type { ErrorKind } from "./errors.ts";
import type { ModuleName } from "./features.ts";
import type { ModelDocument } from "./model-file.ts";
import type { Report } from "./contract.ts";
import type { GenerateOptions, Piece, TextTrace } from "./text-model.ts";
import type { TrainOptions } from "./train-options.ts";
import type { Checkpoint } from "./training.ts";

export interface StartOptions {
  /** Addresses of the modules. */
  modules: Record<ModuleName, string>;
  /** Address of the script that a thread's Worker runs; without it there is one thread. */
  thread?: string;
  /** Threads in all; as many as suit this computer where nothing is said. */
  threads?: number;
  /** For tests and measurements: this module, whatever the browser could run. */
  module?: ModuleName;
}

export interface Started {
  module: ModuleName;
  threads: number;
}

export interface Opened {
  /** Names the model in later calls. */
  model: number;
  document: ModelDocument;
  parameters: number;
}

export interface TrainRequest {
  text: string;
  options: TrainOptions;
  source?: Record<string, unknown>;
  /** Go on from here; text and options have to be those of then. */
  resume?: Checkpoint;
  /** Seconds between two checkpoints that are sent to the page; none where nothing is said. */
  checkpoint_seconds?: number;
  /** Steps between two looks at the held-out text; about 20 a run where nothing is said. */
  validate_every?: number;
}

export type TrainEvent =
  | {
      event: "started";
      steps: number | null;
      seconds: number | null;
      parameters: number;
      model: number;
      outputs: number;
    }
  | {
      event: "step";
      step: number;
      epoch: number;
      progress: number;
      learning_rate: number;
      elapsed_s: number;
      tokens_per_second: number;
      loss_nats: number;
      accuracy: number;
      mean_posterior: number;
      gradient_norm: number;
    }
  | { event: "validated"; step: number; elapsed_s: number; report: Report }
  | { event: "checkpointed"; checkpoint: Checkpoint }
  | { event: "paused" | "resumed"; step: number };

export interface Trained extends Opened {
  step: number;
  elapsed_s: number;
  reason: "budget" | "stopped";
  held_out: Report | null;
}

/** Each call: what it takes, what it returns, and what it tells on the way. */
export interface Calls {
  start: { takes: StartOptions; returns: Started; tells: never };
  open: { takes: { bytes: Uint8Array; name?: string }; returns: Opened; tells: never };
  save: { takes: { model: number }; returns: Uint8Array<ArrayBuffer>; tells: never };
  close: { takes: { model: number }; returns: null; tells: never };
  train: { takes: TrainRequest; returns: Trained; tells: TrainEvent };
  generate: { takes: { model: number } & GenerateOptions; returns: null; tells: Piece };
  trace: { takes: { model: number; text: string }; returns: TextTrace; tells: never };
}

export type CallName = keyof Calls;

/** To the Worker. A call is named by its number; `pause`, `resume` and `stop` concern one that runs. */
export type Request =
  | { [N in CallName]: { id: number; call: N; takes: Calls[N]["takes"] } }[CallName]
  | { id: number; signal: "pause" | "resume" | "stop" };

/** From the Worker. */
export type Reply =
  | { id: number; tells: unknown }
  | { id: number; returns: unknown }
  | {
      id: number;
      error: { kind: ErrorKind | "Error"; message: string; field?: string | undefined };
    };
