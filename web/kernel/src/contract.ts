/** What goes into a network and what comes out: the shapes of engines/base.py, in TypeScript. */

import type { Weights } from "./spec.ts";

/** What a stack carries between windows. Never changed: every call makes a new one. */
export interface State {
  readonly batch: number;
  readonly floats: Float32Array;
}

/** What is read: tokens [T, B], or vectors [T, B, F]. */
export interface Inputs {
  time: number;
  batch: number;
  inputs: Int32Array | Float32Array;
  /** [T, B] 1 where the state is zero before the position is read. */
  resets?: Uint8Array | undefined;
}

export interface Batch extends Inputs {
  /** [T, B] what should follow each position. */
  targets: Int32Array;
  /** [T, B] how much a position counts in the mean loss. */
  weights?: Float32Array | undefined;
}

/** What one window cost. Every number is a weighted mean over the window's positions. */
export interface Report {
  loss_nats: number;
  accuracy: number;
  /** Mean probability given to the targets. */
  mean_posterior: number;
  /** Sum of the weights. */
  positions: number;
  /** Norm of the whole gradient before clipping; NaN when nothing was learned. */
  gradient_norm: number;
}

export interface Gradients {
  params: Weights;
  /** [T, B, F] */
  inputs: Float32Array;
  state: State;
}

export interface Drawn {
  /** [N, B] */
  tokens: Int32Array;
  /** [N, B] log-probability of each under the model itself, before any sampling rule. */
  log_probs: Float64Array;
  /** After the last token but one was read: the last drawn token is read next. */
  state: State;
}

export interface StepOptions {
  learning_rate: number;
  /** Dropout masks are a function of seed, step and part. */
  step: number;
  seed: number | bigint;
  part?: number;
  parts?: number;
}

/** Return the kernel's five numbers by name. */
export function asReport(numbers: ArrayLike<number>): Report {
  return {
    loss_nats: numbers[0] ?? NaN,
    accuracy: numbers[1] ?? NaN,
    mean_posterior: numbers[2] ?? NaN,
    positions: numbers[3] ?? 0,
    gradient_norm: numbers[4] ?? NaN,
  };
}
