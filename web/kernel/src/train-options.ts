/** What can be set about a training, checked; and the learning rate that follows from it. */

import { configError } from "./errors.ts";
import { OPTIMISER, type OptimiserOptions } from "./options.ts";
import { CELL_FLAGS, type CellFlag } from "./spec.ts";

/** Names and meaning as in the Python library. */
export interface TrainOptions
  extends Partial<OptimiserOptions>, Partial<Record<CellFlag, boolean>> {
  vocabulary?: "characters" | "bytes";
  validation?: number;
  test?: number;
  sizes?: number[];
  /** Numbers that stand for a token; 0 is one-hot. */
  embedding?: number;
  tied?: boolean;
  dropout?: number;
  recurrent_dropout?: number;
  residual?: boolean;
  forget_bias?: number;
  batch_size?: number;
  window?: number;
  objective?: "every" | "last";
  stride?: number;
  /** The budget: exactly one of the three. */
  steps?: number;
  epochs?: number;
  seconds?: number;
  learning_rate?: number;
  schedule?: "constant" | "cosine";
  warmup?: number;
  final_learning_rate?: number;
  seed?: number;
}

const DEFAULTS = {
  vocabulary: "characters",
  validation: 0.05,
  test: 0.05,
  sizes: [128, 128],
  embedding: 64,
  tied: false,
  dropout: 0,
  recurrent_dropout: 0,
  residual: false,
  forget_bias: 1,
  batch_size: 32,
  window: 64,
  objective: "every",
  stride: 3,
  learning_rate: 1e-2,
  schedule: "cosine",
  warmup: 0.02,
  final_learning_rate: 0.01,
  seed: 0,
} as const;

const BUDGETS = ["steps", "epochs", "seconds"] as const;
const NAMES = new Set<string>([
  ...Object.keys(DEFAULTS),
  ...Object.keys(OPTIMISER),
  ...CELL_FLAGS,
  ...BUDGETS,
]);

export type Settings = ReturnType<typeof settle>;

/** Return every setting. Throws ConfigError for one that is unknown or cannot be. */
export function settle(options: TrainOptions) {
  const unknown = Object.keys(options).find((name) => !NAMES.has(name));
  if (unknown) throw configError(`'${unknown}' is no setting of a text training.`, unknown);
  const budgets = BUDGETS.filter((name) => options[name] !== undefined);
  if (budgets.length !== 1) {
    throw configError("a run has one budget: say how long with steps, epochs or seconds.", "steps");
  }
  const settings = { ...DEFAULTS, ...options };
  const positive = (name: "batch_size" | "window" | "stride", high: number): void => {
    const value = settings[name];
    if (!Number.isInteger(value) || value < 1 || value > high) {
      throw configError(
        `${name} is ${value}, but has to be a whole number from 1 to ${high}.`,
        name,
      );
    }
  };
  for (const name of ["batch_size", "window", "stride"] as const) positive(name, 65536);
  if (!(settings[budgets[0]!]! > 0)) {
    throw configError(`${budgets[0]} has to be above 0.`, budgets[0]);
  }
  if (!(settings.learning_rate > 0)) {
    throw configError("learning_rate has to be above 0.", "learning_rate");
  }
  if (!["constant", "cosine"].includes(settings.schedule)) {
    throw configError(
      `the schedule '${settings.schedule}' is not known in the browser.`,
      "schedule",
    );
  }
  if (!(
    settings.validation >= 0 &&
    settings.test >= 0 &&
    settings.validation + settings.test < 1
  )) {
    throw configError("validation and test leave nothing to train on.", "validation");
  }
  const rule = Object.fromEntries(
    Object.entries(options).filter(([name]) => name in OPTIMISER),
  ) as Partial<OptimiserOptions>;
  return { ...settings, rule };
}

/** Return the learning rate at a share of the budget: a linear rise, then constant or half a cosine. */
export function learningRate(
  progress: number,
  how: { schedule: string; learning_rate: number; warmup: number; final_learning_rate: number },
): number {
  const { learning_rate: peak, warmup, final_learning_rate: final } = how;
  const spent = Math.min(Math.max(progress, 0), 1);
  if (spent < warmup) return (peak * spent) / warmup;
  if (how.schedule === "constant") return peak;
  const share = (spent - warmup) / (1 - warmup);
  return peak * (final + (1 - final) * 0.5 * (1 + Math.cos(Math.PI * share)));
}
