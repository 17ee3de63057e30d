/** How much of the budget is spent, and when things are due: learning/rhythm.py. */

import type { TrainSettings } from "../settings.ts";

const VALIDATIONS = 20;
/** At most this share of the time goes into validation, and reading a token costs that of learning. */
const VALIDATION_SHARE = 0.05;
const EVALUATION_COST = 1 / 3;
const SAMPLINGS = 10;
const SAMPLING_SHARE = 0.05;
const POINTS = 1000;
const LONGEST_INTERVAL = 20;
const SHORTEST_POINT_S = 0.2;
const LONGEST_POINT_S = 5;

/** How long a run lasts; exactly one of the two is given. */
export class Budget {
  /** Kept free at the end of a budget in seconds, for the last validation, sample and save. */
  private reserve_s = 0;

  constructor(
    readonly steps: number | null,
    readonly seconds: number | null,
  ) {}

  static of(train: TrainSettings, stepsPerEpoch: number): Budget {
    if (train.steps !== null) return new Budget(train.steps, null);
    if (train.epochs !== null) {
      return new Budget(Math.max(1, Math.ceil(train.epochs * stepsPerEpoch - 1e-9)), null);
    }
    return new Budget(null, train.seconds);
  }

  /** Keep that much free at the end, but never more than a quarter of the budget. */
  keep(seconds: number): void {
    if (this.seconds !== null) this.reserve_s = Math.min(seconds, 0.25 * this.seconds);
  }

  /** Return the share of the budget spent before step `step`, counted from 0. */
  progress(step: number, elapsed_s: number): number {
    if (this.steps !== null) return (step + 0.5) / this.steps;
    return elapsed_s / this.trainingS;
  }

  /** Return the share that a progress bar shows. */
  shown(step: number, elapsed_s: number): number {
    const share = this.steps !== null ? step / this.steps : elapsed_s / (this.seconds ?? 1);
    return Math.min(1, share);
  }

  isSpent(step: number, elapsed_s: number): boolean {
    return this.steps !== null ? step >= this.steps : elapsed_s >= this.trainingS;
  }

  private get trainingS(): number {
    return Math.max((this.seconds ?? 0) - this.reserve_s, 1e-9);
  }
}

/** When something is due: every `steps`, or every `seconds` and at most a share of the time. */
export class Cadence {
  private next_s = 0;

  constructor(
    readonly steps = 0,
    readonly seconds = 0,
    readonly share = 1,
  ) {}

  get isOn(): boolean {
    return this.steps > 0 || this.seconds > 0;
  }

  isDue(step: number, elapsed_s: number): boolean {
    if (this.steps) return step % this.steps === 0;
    return this.seconds > 0 && elapsed_s >= this.next_s;
  }

  /** Note that it was just done, or that the loop starts. */
  done(elapsed_s: number, duration_s = 0): void {
    this.next_s = elapsed_s + Math.max(this.seconds, duration_s * (1 / this.share - 1));
  }
}

export function validationCadence(
  train: TrainSettings,
  budget: Budget,
  stepTokens: number,
  heldOutTokens: number,
): Cadence {
  if (train.validate_every === 0 || !heldOutTokens) return new Cadence();
  if (train.validate_every !== null) return new Cadence(train.validate_every);
  if (budget.seconds !== null)
    return new Cadence(0, budget.seconds / VALIDATIONS, VALIDATION_SHARE);
  const cheap = (heldOutTokens * EVALUATION_COST) / (VALIDATION_SHARE * Math.max(stepTokens, 1));
  return new Cadence(Math.max(1, Math.ceil((budget.steps ?? 1) / VALIDATIONS), Math.ceil(cheap)));
}

export function sampleCadence(train: TrainSettings, budget: Budget): Cadence {
  if (train.sample_every !== null) return new Cadence(train.sample_every);
  if (budget.seconds !== null) return new Cadence(0, budget.seconds / SAMPLINGS, SAMPLING_SHARE);
  return new Cadence(Math.max(1, Math.ceil((budget.steps ?? 1) / SAMPLINGS)));
}

export function logCadence(train: TrainSettings, budget: Budget): Cadence {
  if (train.log_every !== null) return new Cadence(train.log_every);
  if (budget.seconds !== null) {
    const spacing = budget.seconds / POINTS;
    return new Cadence(0, Math.min(Math.max(spacing, SHORTEST_POINT_S), LONGEST_POINT_S));
  }
  const steps = Math.floor((budget.steps ?? 1) / POINTS);
  return new Cadence(Math.min(Math.max(steps, 1), LONGEST_INTERVAL));
}

/** What the plateau schedule remembers: its factor, and for how long nothing improved. */
export interface Plateau {
  factor: number;
  best: number | null;
  since: number;
}

/** Return the memory after a validation; halve the factor after so many without a gain. */
export function afterValidation(
  plateau: Plateau,
  loss: number,
  { plateau_patience, final_learning_rate }: TrainSettings,
): Plateau {
  if (loss < (plateau.best ?? Infinity)) return { ...plateau, best: loss, since: 0 };
  if (plateau.since + 1 < plateau_patience) return { ...plateau, since: plateau.since + 1 };
  return { ...plateau, factor: Math.max(final_learning_rate, plateau.factor / 2), since: 0 };
}
