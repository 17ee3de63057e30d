/**
 * The training loop: what learning/loop.py does, in a Worker. It steps, looks at the held-out text,
 * writes samples, keeps the best model, and says all of it as events.
 */

import { numericError } from "../../../../../kernel/src/errors.ts";
import type { Report } from "../../../../../kernel/src/contract.ts";
import type { Kernel } from "../../../../../kernel/src/kernel.ts";
import { addReport, meanReport, type Training } from "../../../../../kernel/src/training.ts";
import type { RunEvent } from "../../types.ts";
import type { Progress } from "../database.ts";
import { CHECKPOINT_SECONDS, type SettingsByClass } from "../settings.ts";
import {
  afterValidation,
  Budget,
  Cadence,
  logCadence,
  sampleCadence,
  validationCadence,
} from "./rhythm.ts";
import { writeSamples } from "./samples.ts";

/** Longest time between two looks at the messages. */
const LISTEN_MS = 16;
/** At most this share of the time goes into checkpoints. */
const SAVE_SHARE = 0.05;
const FIRST_SAVE_SECONDS = 3;
/** A loss this many times that of the untrained network has exploded. */
const EXPLOSION = 3;

/** Whoever runs the loop: it hears events, keeps what has to last, and passes commands on. */
export interface Host {
  emit(event: RunEvent): void;
  /** Keep a checkpoint and all events so far. Throws where that cannot be. */
  checkpoint(): Promise<void>;
  /** Keep the present weights as the run's model, with what was measured of them. */
  best(report: Report | null): void;
  /** Let messages in. */
  listen(): Promise<void>;
  readonly paused: boolean;
  /** A single step is asked for, which is taken in a pause. */
  readonly single: boolean;
  /** The single step was taken and is kept. */
  stepped(): void;
  readonly stopped: boolean;
  /** Calls for a checkpoint that nobody has answered yet. */
  readonly asked: boolean;
  /** The status has changed. */
  stand(status: "running" | "paused"): void;
}

export type Reason = "budget" | "patience" | "interrupted";

export const freshProgress = (): Progress => ({
  step: 0,
  elapsed_s: 0,
  best_loss: null,
  best_step: null,
  since_best: 0,
  posterior: 0,
  first_loss: null,
  plateau: { factor: 1, best: null, since: 0 },
  validated_step: 0,
  sampled_step: 0,
  finished: null,
  mean: emptyMean(),
});

const emptyMean = (): Progress["mean"] => ({
  sums: { loss_nats: 0, accuracy: 0, mean_posterior: 0, positions: 0 },
  norm: 0,
  steps: 0,
  rate: 0,
});

export class Loop {
  readonly budget: Budget;
  private readonly validations: Cadence;
  private readonly samplings: Cadence;
  private readonly points: Cadence;
  private began = performance.now();
  private listened = performance.now();
  private saved_s: number;
  private durations = { validate: 0, sample: 0, save: 0 };
  /** Since the last point of the curve. */
  private learning = { seconds: 0, tokens: 0 };
  /** Whether the step under way is a single one, taken in a pause. */
  private alone = false;

  constructor(
    private readonly kernel: Kernel,
    readonly training: Training,
    private readonly settings: SettingsByClass,
    readonly now: Progress,
    private readonly host: Host,
    private readonly measures: (nats: number) => Record<string, number>,
  ) {
    const { train } = settings;
    this.budget = Budget.of(train, Math.max(1, training.stepsPerEpoch));
    const stepTokens = training.windows.at(0).tokens * train.accumulate;
    const { heldOutTokens } = training;
    this.validations = validationCadence(train, this.budget, stepTokens, heldOutTokens);
    this.samplings = sampleCadence(train, this.budget);
    this.points = logCadence(train, this.budget);
    training.factor = now.plateau.factor;
    this.saved_s = now.elapsed_s;
  }

  /** Seconds trained so far, pauses left out. */
  get elapsed(): number {
    return this.now.elapsed_s + (performance.now() - this.began) / 1000;
  }

  /** Write the clock into the progress, so that a save holds it. */
  settleClock(): void {
    this.now.elapsed_s = this.elapsed;
    this.began = performance.now();
  }

  /** Step until there is a reason to stop. */
  async run(): Promise<Reason> {
    const { host, now } = this;
    this.began = performance.now();
    for (const cadence of [this.validations, this.samplings, this.points]) {
      cadence.done(now.elapsed_s);
    }
    for (;;) {
      if (performance.now() - this.listened > LISTEN_MS) await this.listen();
      if (host.asked) await this.save();
      if (host.paused) await this.pause();
      else if (this.alone) this.goOn();
      if (host.stopped) return this.end("interrupted");
      if (this.validations.isDue(now.step, this.elapsed)) await this.validate();
      // What was stopped in the middle of a validation takes no step before it.
      if (host.stopped) return this.end("interrupted");
      if (this.samplings.isDue(now.step, this.elapsed)) this.sample();
      const { patience } = this.settings.train;
      if (patience && now.since_best >= patience) return this.end("patience");
      if (this.budget.isSpent(now.step, this.elapsed)) return this.end("budget");
      this.step();
      // Early on more often: a page is soon closed, and then the first half minute would be all.
      const early = Math.max(FIRST_SAVE_SECONDS, this.elapsed / 4);
      const { checkpoint_seconds: wanted } = this.settings.train;
      const spacing = Math.min(wanted, CHECKPOINT_SECONDS, early);
      const since = this.elapsed - this.saved_s;
      // However long a save takes, half a minute is the most that a closed tab may cost.
      const apart = Math.min(this.durations.save / SAVE_SHARE, CHECKPOINT_SECONDS);
      if (since >= Math.max(spacing, apart)) await this.save();
    }
  }

  private async listen(): Promise<void> {
    await this.host.listen();
    this.listened = performance.now();
  }

  /** Rest until that is over, or for a single step: the run counts as paused all the while. */
  private async pause(): Promise<void> {
    const { host } = this;
    await this.save();
    this.settleClock();
    if (this.alone) host.stepped();
    else host.stand("paused");
    this.alone = false;
    while (host.paused && !host.stopped && !host.single) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    this.began = performance.now();
    if (host.paused && host.single && !host.stopped) this.alone = true;
    else this.goOn();
  }

  private goOn(): void {
    this.alone = false;
    this.host.stand("running");
  }

  private async end(reason: Reason): Promise<Reason> {
    if (reason !== "interrupted") {
      this.point();
      if (this.validations.isOn) await this.validate();
      if (this.samplings.isOn) this.sample();
      if (this.host.stopped) return "interrupted";
      this.now.finished = reason;
    }
    return reason;
  }

  private step(): void {
    const { now, training } = this;
    const began = performance.now();
    const found = training.step(0, this.budget.progress(now.step, this.elapsed));
    this.learning.seconds += (performance.now() - began) / 1000;
    this.learning.tokens += found.tokens;
    now.step = found.step;
    now.first_loss ??= found.report.loss_nats;
    const { mean } = now;
    addReport(mean.sums, found.report);
    mean.norm += found.report.gradient_norm;
    mean.steps += 1;
    mean.rate = found.learning_rate;
    if (this.points.isDue(now.step, this.elapsed)) this.point();
    // Told by itself; its interval goes on, so that the curve is else that of a run without a rest.
    else if (this.alone) this.tell(found.report);
  }

  /** Say one point of the curve: the means since the one before. */
  private point(): void {
    const { now } = this;
    const { sums, norm, steps } = now.mean;
    if (!sums.positions) return;
    const mean = meanReport(sums, norm / Math.max(1, steps));
    now.posterior = mean.mean_posterior;
    this.checkExplosion(mean.loss_nats);
    this.tell(mean);
    now.mean = emptyMean();
    this.points.done(this.elapsed);
  }

  private tell(mean: Report): void {
    const { now, learning } = this;
    this.host.emit({
      event: "step",
      step: now.step,
      epoch: this.training.epoch,
      loss_nats: mean.loss_nats,
      accuracy: mean.accuracy,
      mean_posterior: mean.mean_posterior,
      learning_rate: now.mean.rate,
      gradient_norm: mean.gradient_norm,
      tokens_per_second: learning.seconds > 0 ? learning.tokens / learning.seconds : 0,
      elapsed_s: this.elapsed,
      memory_bytes: this.kernel.arena.memory.buffer.byteLength,
      measures: this.measures(mean.loss_nats),
    });
    this.learning = { seconds: 0, tokens: 0 };
  }

  private checkExplosion(loss: number): void {
    const outputs = Math.max(2, this.training.model.vocabulary.size);
    const untrained = Math.max(Math.log(outputs), this.now.first_loss ?? 0);
    if (loss <= EXPLOSION * untrained) return;
    throw numericError(
      `the loss rose to ${loss.toPrecision(3)} nats at step ${this.now.step}, ` +
        `${(loss / untrained).toFixed(1)} times that of an untrained network; try a learning rate ` +
        `below ${this.settings.train.learning_rate}, or clip gradients at a lower norm.`,
    );
  }

  /** Measure the held-out loss, unless that was done after this very step. */
  private async validate(): Promise<void> {
    const { now, host } = this;
    if (now.step === now.validated_step) return;
    const began = this.elapsed;
    let report: Report | null = null;
    for (report of this.training.validate()) {
      if (performance.now() - this.listened > LISTEN_MS) await this.listen();
      // Nothing has changed: a resumed run begins this validation again.
      if (host.stopped) return;
    }
    if (!report) return;
    const loss = report.loss_nats;
    if (!Number.isFinite(loss)) {
      throw numericError(`the held-out loss became ${loss} at step ${now.step}.`);
    }
    now.validated_step = now.step;
    const best = loss < (now.best_loss ?? Infinity);
    now.since_best = best ? 0 : now.since_best + 1;
    now.plateau = afterValidation(now.plateau, loss, this.settings.train);
    if (this.settings.train.schedule === "plateau") this.training.factor = now.plateau.factor;
    if (best) {
      now.best_loss = loss;
      now.best_step = now.step;
      host.best(report);
    }
    this.durations.validate = this.elapsed - began;
    host.emit({
      event: "validated",
      step: now.step,
      epoch: this.training.epoch,
      loss_nats: loss,
      accuracy: report.accuracy,
      best,
      elapsed_s: this.elapsed,
      duration_s: this.durations.validate,
      measures: this.measures(loss),
    });
    this.validations.done(this.elapsed, this.durations.validate);
    this.keepReserve();
  }

  /** Let the model write, unless it did after this very step or is not ready for it yet. */
  private sample(): void {
    const { now } = this;
    if (now.step === now.sampled_step) return;
    const began = this.elapsed;
    if (now.posterior < this.settings.train.sample_threshold) {
      this.samplings.done(began);
      return;
    }
    const samples = writeSamples(this.kernel, this.training, this.settings, now.step);
    now.sampled_step = now.step;
    this.durations.sample = this.elapsed - began;
    this.host.emit({ event: "sampled", step: now.step, elapsed_s: this.elapsed, samples });
    this.samplings.done(this.elapsed, this.durations.sample);
    this.keepReserve();
  }

  /** Keep a checkpoint. */
  async save(): Promise<void> {
    const began = performance.now();
    this.settleClock();
    // Told first, so that the event is part of what is kept.
    const duration_s = this.durations.save;
    this.host.emit({
      event: "checkpointed",
      step: this.now.step,
      elapsed_s: this.elapsed,
      duration_s,
    });
    await this.host.checkpoint();
    this.durations.save = (performance.now() - began) / 1000;
    this.saved_s = this.elapsed;
    this.keepReserve();
  }

  private keepReserve(): void {
    const { validate, sample, save } = this.durations;
    this.budget.keep(validate + sample + save);
  }
}
