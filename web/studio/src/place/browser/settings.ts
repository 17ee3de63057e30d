/** The settings of a training, class by class, and what the kernel makes of them. */

import { OPTIMISER } from "../../../../kernel/src/options.ts";
import type { TrainOptions } from "../../../../kernel/src/train-options.ts";

export interface TextSettings {
  vocabulary: "characters" | "bytes";
  encoding: string;
  wrong_bytes: "refuse" | "replace";
  normalise: "keep" | "nfc";
  line_ends: "keep" | "lf";
  minimum_count: number;
  unknown: "refuse" | "replace";
  reset_at: string | null;
  validation: number;
  test: number;
}

export interface TrainSettings {
  steps: number | null;
  epochs: number | null;
  seconds: number | null;
  learning_rate: number;
  schedule: "constant" | "cosine" | "one-cycle" | "plateau";
  warmup: number;
  final_learning_rate: number;
  plateau_patience: number;
  accumulate: number;
  validate_every: number | null;
  sample_every: number | null;
  sample_threshold: number;
  checkpoint_seconds: number;
  log_every: number | null;
  patience: number;
  seed: number;
}

/** What a model file and a run keep: every setting, class by class. */
export interface SettingsByClass {
  text: TextSettings;
  model: { embedding: number | null; tied: boolean };
  stack: {
    sizes: number[];
    dropout: number;
    recurrent_dropout: number;
    residual: boolean;
    cell: Record<string, boolean | number>;
  };
  windows: { batch_size: number; window: number; objective: "every" | "last"; stride: number };
  train: TrainSettings;
  optimiser: Record<string, unknown>;
  samples: { sample_temperatures: number[]; sample_length: number };
  engine: Record<string, unknown>;
}

export const BUDGETS = ["steps", "epochs", "seconds"] as const;
/** The longest that a run goes without a save. */
export const CHECKPOINT_SECONDS = 30;
/** A vocabulary of more tokens than this gets an embedding as wide as the first layer. */
const WIDE = 512;

/** What of a preset the dropout follows from. */
export interface DropoutPreset {
  /** Dropout for a text of a million tokens. */
  dropout_at_1m: number;
  /** About how many tokens it learns from in its budget. */
  reads: number;
  seconds: number | null;
}

/** Return the dropout that suits a run on a text of so many tokens; see tasks/text/presets.py. */
export function suitableDropout(
  preset: DropoutPreset,
  { train, windows }: SettingsByClass,
  tokens: number,
): number {
  let share = 1;
  if (train.steps !== null) {
    const step = train.accumulate * (windows.batch_size as number) * (windows.window as number);
    share = (train.steps * step) / preset.reads;
  } else if (train.epochs !== null) share = (train.epochs * tokens) / preset.reads;
  else if (train.seconds && preset.seconds) share = train.seconds / preset.seconds;
  const wanted =
    preset.dropout_at_1m +
    0.3 * Math.log10(1e6 / Math.max(tokens, 1)) +
    0.2 * Math.log10(Math.min(Math.max(share, 1e-9), 1));
  return Math.round(100 * Math.min(Math.max(wanted, 0), 0.5)) / 100;
}

/** Return what the kernel's `Training` takes; the width of the embedding depends on the vocabulary. */
export function trainOptions(settings: SettingsByClass, vocabularySize: number): TrainOptions {
  const { text, model, stack, windows, train, optimiser } = settings;
  const { cell, ...layers } = stack;
  let width = model.embedding;
  if (width === null) {
    width = vocabularySize > WIDE ? stack.sizes[0]! : 64;
    if (model.tied) width = stack.sizes.at(-1)!;
  }
  const budget = Object.fromEntries(
    BUDGETS.map((name) => [name, train[name as keyof TrainSettings]]).filter(
      ([, value]) => value !== null,
    ),
  );
  const { vocabulary, minimum_count, unknown, reset_at, validation, test } = text;
  const { accumulate, learning_rate, schedule, warmup, final_learning_rate, seed } = train;
  return {
    ...{ vocabulary, minimum_count, unknown, reset_at, validation, test },
    ...{ embedding: width, tied: model.tied },
    ...layers,
    ...cell,
    ...windows,
    ...budget,
    ...{ accumulate, learning_rate, schedule, warmup, final_learning_rate, seed },
    ...Object.fromEntries(Object.entries(optimiser).filter(([name]) => name in OPTIMISER)),
  } as TrainOptions;
}
