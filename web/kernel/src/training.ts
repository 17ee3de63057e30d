/** Learn a text: its split, its windows, the schedule, and steps that can be paused and resumed. */

import { numericError } from "./errors.ts";
import { initialise } from "./initialise.ts";
import type { Kernel } from "./kernel.ts";
import type { ModelDocument } from "./model-file.ts";
import type { Report, State } from "./contract.ts";
import type { Network } from "./network.ts";
import { CELL_FLAGS } from "./options.ts";
import { parseSpec, type Weights } from "./spec.ts";
import { TextModel } from "./text-model.ts";
import { learningRate, settle, type Settings, type TrainOptions } from "./train-options.ts";
import { findResets } from "./resets.ts";
import {
  ByteVocabulary,
  CharacterVocabulary,
  startToken,
  type Tokens,
  type Vocabulary,
} from "./vocabulary.ts";
import { LastPosition, Streams, type Windows } from "./windows.ts";

/** Validation reads up to this many streams of at least so many tokens, and so many positions. */
const VALIDATION = { streams: 32, stream: 1000, window: 256, limit: 1 << 18, logits: 1 << 22 };

/** All that the next step depends on, beside the text and the options. */
export interface Checkpoint {
  step: number;
  elapsed_s: number;
  weights: Weights;
  optimiser: Weights;
  state: State | null;
}

export interface Step {
  step: number;
  epoch: number;
  learning_rate: number;
  report: Report;
  /** Tokens that were learned from. */
  tokens: number;
}

/** One training of one text. `step` learns; whoever calls it keeps the clock and the pauses. */
export class Training {
  readonly model: TextModel;
  readonly windows: Windows;
  /** Steps done. */
  step_count = 0;
  readonly start: number;
  /** The part of the text that is learned from, as tokens. */
  readonly tokens: Tokens;
  readonly settings: Settings;
  /** What the learning rate is multiplied with: the memory of the plateau schedule. */
  factor = 1;
  private readonly held_out: Streams | null;
  private state: State | null = null;

  /**
   * Throws ConfigError where a setting cannot be, or the text is too short.
   *
   * `source` tells where the text came from; it is kept in the model file, and so are all settings
   * by their classes, in `recorded`. Bytes are read as they are where the vocabulary is bytes.
   */
  constructor(
    kernel: Kernel,
    text: string | Uint8Array,
    options: TrainOptions,
    source: Record<string, unknown> = {},
    recorded?: Record<string, unknown>,
  ) {
    const settings = settle(options);
    this.settings = settings;
    const { vocabulary, tokens } = readTokens(text, settings);
    const [first, second] = cuts(tokens.length, settings.validation, settings.test);
    const [train, validation] = [tokens.subarray(0, first), tokens.subarray(first, second)];
    this.tokens = train;
    const { batch_size: batch, window, stride, seed } = settings;
    const every = settings.reset_at ? findResets(text, settings.reset_at) : [];
    const resets = every.filter((place) => place < first);
    this.windows =
      settings.objective === "every"
        ? new Streams(train, { batch, window, resets })
        : new LastPosition(kernel, train, { batch, window, stride, seed, resets });
    const later = every.filter((place) => place >= first).map((place) => place - first);
    this.held_out = heldOut(validation, vocabulary.size, later);
    this.start = startToken(vocabulary, train);
    const size = vocabulary.size;
    const cell = Object.fromEntries(CELL_FLAGS.map((flag) => [flag, options[flag] ?? false]));
    const json = {
      input: settings.embedding
        ? { kind: "embedding", vocabulary_size: size, size: settings.embedding }
        : { kind: "one_hot", vocabulary_size: size },
      stack: {
        sizes: [...settings.sizes],
        cell: { ...cell, forget_bias: settings.forget_bias },
        dropout: settings.dropout,
        recurrent_dropout: settings.recurrent_dropout,
        residual: settings.residual,
      },
      head: { kind: "softmax", vocabulary_size: size, tied: settings.tied },
    };
    const spec = parseSpec(json);
    const document: ModelDocument = {
      spec: json,
      task: {
        kind: "text",
        options: recorded ?? { text: textOptions(settings) },
        vocabulary: vocabulary.toDocument(),
        start: this.start,
      },
      provenance: {
        data: { characters: tokens.length, ...source },
        options: recorded ?? { ...options },
      },
    };
    const weights = initialise(kernel, spec, settings.seed);
    this.model = new TextModel(kernel, { spec, document, weights }, settings.rule);
  }

  private get network(): Network {
    return this.model.network;
  }

  get epoch(): number {
    return this.step_count / this.stepsPerEpoch;
  }

  get stepsPerEpoch(): number {
    return Math.ceil(this.windows.count / this.settings.accumulate);
  }

  /** Tokens that one validation reads; 0 where nothing is held out. */
  get heldOutTokens(): number {
    return this.held_out?.positions ?? 0;
  }

  /** Steps in all, or null where the budget is in seconds. */
  get steps(): number | null {
    const { steps, epochs } = this.settings;
    if (steps !== undefined) return steps;
    if (epochs === undefined) return null;
    return Math.max(1, Math.ceil(epochs * this.stepsPerEpoch - 1e-9));
  }

  /** The share of the budget that is spent before the next step. */
  progress(elapsed_s: number): number {
    const { steps } = this;
    if (steps !== null) return (this.step_count + 0.5) / steps;
    return elapsed_s / this.settings.seconds!;
  }

  isSpent(elapsed_s: number): boolean {
    const { steps } = this;
    return steps !== null ? this.step_count >= steps : elapsed_s >= this.settings.seconds!;
  }

  /**
   * Learn from the windows of the next step. `progress` is the share of the budget that is spent,
   * where the caller knows better than `this.progress(elapsed_s)`.
   *
   * Throws NumericError when the loss is no number any more.
   */
  step(elapsed_s: number, progress = this.progress(elapsed_s)): Step {
    const { accumulate: parts, seed } = this.settings;
    const learning_rate = learningRate(progress, this.settings) * this.factor;
    const sums = { loss_nats: 0, accuracy: 0, mean_posterior: 0, positions: 0 };
    let [norm, tokens] = [NaN, 0];
    for (let part = 0; part < parts; part++) {
      const window = this.windows.at(this.step_count * parts + part);
      const before =
        window.carries && this.state ? this.state : this.network.zeroState(window.batch.batch);
      const how = { learning_rate, step: this.step_count, seed, part, parts };
      const { report, state } = this.network.trainStep(window.batch, before, how);
      this.state = state;
      addReport(sums, report);
      norm = report.gradient_norm;
      tokens += window.tokens;
    }
    const report = meanReport(sums, norm);
    if (!Number.isFinite(report.loss_nats) || !Number.isFinite(norm)) {
      throw numericError(
        `the loss of step ${this.step_count + 1} is ${report.loss_nats}, not a number; try a learning ` +
          `rate below ${this.settings.learning_rate}.`,
      );
    }
    this.step_count += 1;
    const { step_count: step, epoch } = this;
    return { step, epoch, learning_rate, report, tokens };
  }

  /** Yield the held-out report as it grows; the last one is the whole. Nothing where none is held out. */
  *validate(): Generator<Report> {
    if (!this.held_out) return;
    const sums = { loss_nats: 0, accuracy: 0, mean_posterior: 0, positions: 0 };
    let state = this.network.zeroState(this.held_out.batch);
    for (let n = 0; n < this.held_out.count; n++) {
      const { batch, carries } = this.held_out.at(n);
      // As the learning loop does: validation starts anew where a training window would.
      if (!carries) state = this.network.zeroState(this.held_out.batch);
      const found = this.network.evaluate(batch, state);
      state = found.state;
      addReport(sums, found.report);
      yield meanReport(sums, NaN);
    }
  }

  /** Write what is known now into the model's document. */
  record(elapsed_s: number, scores: Report | null, engine: string): void {
    this.model.document.provenance = {
      ...this.model.document.provenance,
      steps: this.step_count,
      epochs: this.epoch,
      elapsed_s,
      engine,
      scores: scores
        ? {
            held_out_loss_nats: scores.loss_nats,
            held_out_accuracy: scores.accuracy,
            held_out_mean_posterior: scores.mean_posterior,
            held_out_positions: scores.positions,
          }
        : {},
    };
  }

  checkpoint(elapsed_s: number): Checkpoint {
    return {
      step: this.step_count,
      elapsed_s,
      weights: this.network.weights(),
      optimiser: this.network.optimiserState(),
      state: this.state,
    };
  }

  /** Go on where a checkpoint of the same text and options was made. */
  resume(checkpoint: Checkpoint): void {
    this.network.loadWeights(checkpoint.weights);
    this.network.loadOptimiserState(checkpoint.optimiser);
    this.step_count = checkpoint.step;
    this.state = checkpoint.state;
  }
}

type Sums = Omit<Report, "gradient_norm">;

/** Add a report to sums, weighted by its positions. */
export function addReport(sums: Sums, report: Report): void {
  const { positions } = report;
  sums.loss_nats += report.loss_nats * positions;
  sums.accuracy += report.accuracy * positions;
  sums.mean_posterior += report.mean_posterior * positions;
  sums.positions += positions;
}

export function meanReport(sums: Sums, gradient_norm: number): Report {
  const total = Math.max(sums.positions, 1e-30);
  return {
    loss_nats: sums.loss_nats / total,
    accuracy: sums.accuracy / total,
    mean_posterior: sums.mean_posterior / total,
    positions: sums.positions,
    gradient_norm,
  };
}

/** Return the vocabulary of a text and the text in it. */
function readTokens(
  text: string | Uint8Array,
  settings: Settings,
): { vocabulary: Vocabulary; tokens: Tokens } {
  if (settings.vocabulary === "bytes") {
    const vocabulary = new ByteVocabulary();
    return { vocabulary, tokens: typeof text === "string" ? vocabulary.encode(text) : text };
  }
  if (typeof text !== "string") text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(text);
  const vocabulary = CharacterVocabulary.of(text, settings.minimum_count, settings.unknown);
  return {
    vocabulary,
    tokens: vocabulary.encode(text, vocabulary.hasUnknown ? "replace" : "refuse"),
  };
}

function textOptions(settings: Settings): Record<string, unknown> {
  const { vocabulary, validation, test } = settings;
  return { vocabulary, validation, test };
}

/** Return where the training and the validation part of so many tokens end. */
export function cuts(length: number, validation: number, test: number): [number, number] {
  return [roundHalfEven(length * (1 - validation - test)), roundHalfEven(length * (1 - test))];
}

/** As Python rounds. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 ? floor + 1 : floor;
}

function heldOut(tokens: Tokens, vocabularySize: number, resets: number[]): Streams | null {
  if (tokens.length < 2) return null;
  const wanted = Math.max(1, Math.floor(tokens.length / VALIDATION.stream));
  const batch = Math.min(VALIDATION.streams, wanted);
  const rows = Math.floor(VALIDATION.logits / (vocabularySize * batch));
  const window = Math.max(1, Math.min(VALIDATION.window, rows));
  const { limit } = VALIDATION;
  return new Streams(tokens, { batch, window, resets, limit, what: "validation" });
}
