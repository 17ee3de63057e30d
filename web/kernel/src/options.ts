/** What a caller can set about learning and sampling; names and defaults as in the Python library. */

import { configError } from "./errors.ts";

/** The variants of a cell, in the order of the kernel's bits. */
export const CELL_FLAGS = [
  "coupled",
  "peephole",
  "no_input_gate",
  "no_forget_gate",
  "no_output_gate",
  "no_input_activation",
  "no_output_activation",
  "full_gate_recurrence",
  "layer_norm",
  "gru",
] as const;
export type CellFlag = (typeof CELL_FLAGS)[number];

/** The optimisers, in the kernel's order. */
export const RULES = ["sgd", "adagrad", "rmsprop", "adam", "adamw"] as const;

export interface SamplingOptions {
  /** Divides the logits; 0 always takes the likeliest. */
  temperature: number;
  /** Keep only the k likeliest tokens; 0 keeps all. */
  top_k: number;
  /** Keep the fewest likeliest tokens that hold this much probability. */
  top_p: number;
  /** Keep tokens at least this share as likely as the likeliest. */
  min_p: number;
  /** Draw once more when the first draw is not the likeliest token. */
  resample: boolean;
}

export const SAMPLING: SamplingOptions = {
  temperature: 1,
  top_k: 0,
  top_p: 1,
  min_p: 0,
  resample: false,
};

export interface OptimiserOptions {
  optimiser: (typeof RULES)[number];
  momentum: number;
  beta1: number;
  beta2: number;
  rho: number;
  epsilon: number;
  weight_decay: number;
  clip_norm: number;
  clip_value: number;
}

export const OPTIMISER: OptimiserOptions = {
  optimiser: "adamw",
  momentum: 0,
  beta1: 0.9,
  beta2: 0.99,
  rho: 0.95,
  epsilon: 1e-8,
  weight_decay: 0,
  clip_norm: 1,
  clip_value: 0,
};

const BOUNDS: Record<string, [low: number, high: number]> = {
  temperature: [0, 100],
  top_p: [Number.MIN_VALUE, 1],
  min_p: [0, 1],
  top_k: [0, 2 ** 31],
  momentum: [0, 1 - 2 ** -53],
  beta1: [0, 1 - 2 ** -53],
  beta2: [0, 1 - 2 ** -53],
  rho: [0, 1 - 2 ** -53],
  epsilon: [0, 1],
  weight_decay: [0, 1],
  clip_norm: [0, Infinity],
  clip_value: [0, Infinity],
};

/** Return the defaults with what is given over them. Throws ConfigError for a value that cannot be. */
function over<T extends object>(defaults: T, given: Partial<T>): T {
  const options = { ...defaults, ...given };
  for (const [name, value] of Object.entries(options)) {
    const bounds = BOUNDS[name];
    if (!(name in defaults)) throw configError(`'${name}' is no setting.`, name);
    if (!bounds) continue;
    if (typeof value !== "number" || !(value >= bounds[0] && value <= bounds[1])) {
      throw configError(
        `${name} is ${String(value)}, but has to be from ${bounds[0]} to ${bounds[1]}.`,
        name,
      );
    }
  }
  return options;
}

export const sampling = (given: Partial<SamplingOptions> = {}): SamplingOptions =>
  over(SAMPLING, given);

export function optimiser(given: Partial<OptimiserOptions> = {}): OptimiserOptions {
  const options = over(OPTIMISER, given);
  if (!RULES.includes(options.optimiser)) {
    throw configError(
      `optimiser is '${options.optimiser}', but the rules are ${RULES.join(", ")}.`,
      "optimiser",
    );
  }
  return options;
}

/** Whether no draw is needed. Below a millionth a temperature is taken for 0. */
export const isGreedy = (options: SamplingOptions): boolean =>
  options.temperature < 1e-6 || options.top_k === 1;
