/** What can be set about a training, checked; and the learning rate that follows from it. */

import { configError } from "./errors.ts";
import { CELL_FLAGS, OPTIMISER, type CellFlag, type OptimiserOptions } from "./options.ts";

/** Names and meaning as in the Python library. */
export interface TrainOptions
  extends Partial<OptimiserOptions>, Partial<Record<CellFlag, boolean>> {
  vocabulary?: "characters" | "bytes";
  /** Characters that are rarer become the unknown token. */
  minimum_count?: number;
  unknown?: "refuse" | "replace";
  /** Forget everything after each match: a regular expression, or a name in RESETS. */
  reset_at?: string | null;
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
  /** Batches whose gradients are averaged into one step. */
  accumulate?: number;
  /** The budget: exactly one of the three. */
  steps?: number;
  epochs?: number;
  seconds?: number;
  learning_rate?: number;
  schedule?: "constant" | "cosine" | "one-cycle" | "plateau";
  warmup?: number;
  final_learning_rate?: number;
  seed?: number;
}

const DEFAULTS = {
  vocabulary: "characters",
  minimum_count: 1,
  unknown: "refuse",
  reset_at: null,
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
  accumulate: 1,
  learning_rate: 1e-2,
  schedule: "cosine",
  warmup: 0.02,
  final_learning_rate: 0.01,
  seed: 0,
} as const;

const SCHEDULES = ["constant", "cosine", "one-cycle", "plateau"];
/** The one-cycle schedule starts at this share of its peak, and rises over that share of the run. */
const ONE_CYCLE = { start: 0.04, rise: 0.3 };

const BUDGETS = ["steps", "epochs", "seconds"] as const;
const NAMES = new Set<string>([
  ...Object.keys(DEFAULTS),
  ...Object.keys(OPTIMISER),
  ...CELL_FLAGS,
  ...BUDGETS,
]);

const COUNTS = ["batch_size", "window", "stride", "accumulate"] as const;

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
  const positive = (name: (typeof COUNTS)[number], high: number): void => {
    const value = settings[name];
    if (!Number.isInteger(value) || value < 1 || value > high) {
      throw configError(
        `${name} is ${value}, but has to be a whole number from 1 to ${high}.`,
        name,
      );
    }
  };
  for (const name of COUNTS) positive(name, 65536);
  if (!(settings[budgets[0]!]! > 0)) {
    throw configError(`${budgets[0]} has to be above 0.`, budgets[0]);
  }
  if (!(settings.learning_rate > 0)) {
    throw configError("learning_rate has to be above 0.", "learning_rate");
  }
  if (!SCHEDULES.includes(settings.schedule)) {
    throw configError(
      `schedule is '${settings.schedule}', but the schedules are ${SCHEDULES.join(", ")}.`,
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

/**
 * Return the learning rate at a share of the budget, as learning/schedule.py does: a linear rise,
 * then constant or half a cosine; one-cycle rises by a cosine too. The plateau's factor comes on top.
 */
export function learningRate(
  progress: number,
  how: { schedule: string; learning_rate: number; warmup: number; final_learning_rate: number },
): number {
  const { schedule, learning_rate: peak, warmup, final_learning_rate: final } = how;
  const cycles = schedule === "one-cycle";
  const spent = Math.min(Math.max(progress, 0), 1);
  const rise = warmup || (cycles ? ONE_CYCLE.rise : 0);
  if (spent < rise) {
    return peak * (cycles ? cosine(ONE_CYCLE.start, 1, spent / rise) : spent / rise);
  }
  if (schedule === "constant" || schedule === "plateau") return peak;
  return peak * cosine(1, final, (spent - rise) / (1 - rise));
}

/** Go from `start` to `end` along half a cosine. */
const cosine = (start: number, end: number, share: number): number =>
  end + (start - end) * 0.5 * (1 + Math.cos(Math.PI * share));
