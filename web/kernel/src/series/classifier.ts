/** A classifier of series in the browser: tasks/series/labels/model.py. */

import { configError, formatError } from "../errors.ts";
import type { Kernel } from "../kernel.ts";
import { readModel, type ModelDocument, type ModelFile } from "../model-file.ts";
import { Network } from "../network.ts";
import { features as inputs, parameterCount } from "../spec.ts";
import { logSoftmax } from "../text-model.ts";
import type { Labelled, LabelledSeries } from "./labelled.ts";

/** Series that are read side by side. */
const SIDE_BY_SIDE = 256;

export interface ClassScores {
  accuracy: number;
  /** The mean of the classes' F1, each class alike. */
  f1: number;
  /** Rows what it is, columns what was said. */
  confusion: number[][];
  per_class: { precision: number; recall: number; f1: number; count: number }[];
}

/** How a series becomes what the network reads. */
interface Reading {
  patch: number;
  channels: number;
  means: number[];
  deviations: number[];
}

export class Classifier {
  readonly network: Network;
  readonly document: ModelDocument;
  readonly classes: readonly string[];
  /** How tables were read when it learned. */
  readonly columns: { label: string; channels: number };
  private readonly reading: Reading;

  /** Throws FormatError where the file is not one of a classifier of series. */
  constructor(kernel: Kernel, file: ModelFile, name = "the file") {
    const { task } = file.document;
    if (task.kind !== "labels") {
      throw formatError(
        `${name}: this is a model of ${String(task.kind)}, not a classifier of series.`,
      );
    }
    const reading = (task.reading ?? {}) as Partial<Reading> & { classes?: unknown };
    const { patch, channels, means, deviations, classes } = reading;
    const finite = (values: unknown): values is number[] =>
      Array.isArray(values) && values.length === channels && values.every(Number.isFinite);
    const size = (value: unknown): value is number => Number.isInteger(value) && Number(value) > 0;
    if (
      !size(patch) ||
      !size(channels) ||
      !finite(means) ||
      !finite(deviations) ||
      !Array.isArray(classes)
    ) {
      throw formatError(`${name}: the model's task does not say how series are read.`);
    }
    const { spec } = file;
    if (
      spec.input.kind !== "vector" ||
      inputs(spec) !== 2 * patch * channels ||
      spec.head.vocabulary_size !== classes.length
    ) {
      throw formatError(`${name}: the network does not fit what it says to read and tell.`);
    }
    this.reading = { patch, channels, means, deviations };
    this.classes = classes.map(String);
    const how = (task.options as { labels?: Record<string, unknown> } | undefined)?.labels;
    this.columns = { label: String(how?.label ?? "auto"), channels: Number(how?.channels ?? 1) };
    this.document = file.document;
    this.network = new Network(kernel, spec, file.weights);
  }

  static read(kernel: Kernel, bytes: Uint8Array, name?: string): Classifier {
    return new Classifier(kernel, readModel(bytes, name), name);
  }

  get parameters(): number {
    return parameterCount(this.network.spec);
  }

  /** Give the kernel's memory back. */
  dispose(): void {
    this.network.dispose();
  }

  /** Probabilities of the classes, of each series. Throws ConfigError for other channels. */
  probabilities(data: Labelled): Float64Array[] {
    const rows = data.series.map((one) => this.steps(one, data.channels));
    const wide = inputs(this.network.spec);
    const count = this.classes.length;
    const found: Float64Array[] = new Array<Float64Array>(rows.length);
    const order = [...rows.keys()].sort((a, b) => rows[a]!.length - rows[b]!.length);
    for (let first = 0; first < order.length; first += SIDE_BY_SIDE) {
      const part = order.slice(first, first + SIDE_BY_SIDE);
      // All end together; a shorter one begins later, from the state zero.
      const [time, batch] = [rows[part.at(-1)!]!.length / wide, part.length];
      const x = new Float32Array(time * batch * wide);
      const resets = new Uint8Array(time * batch);
      part.forEach((n, b) => {
        const row = rows[n]!;
        const start = time - row.length / wide;
        resets[start * batch + b] = 1;
        for (let t = start; t < time; t++) {
          const at = (t - start) * wide;
          x.set(row.subarray(at, at + wide), (t * batch + b) * wide);
        }
      });
      const window = { time, batch, inputs: x, resets };
      const { outputs } = this.network.forward(window, this.network.zeroState(batch));
      part.forEach((n, b) => {
        const at = ((time - 1) * batch + b) * count;
        found[n] = logSoftmax(outputs.subarray(at, at + count)).map(Math.exp);
      });
    }
    return found;
  }

  /** How often it is right, class by class; null where the data do not say what the series are. */
  score(data: Labelled, shares: readonly Float64Array[]): ClassScores | null {
    const places = new Map(this.classes.map((name, n) => [name, n]));
    const wanted = data.series.map(({ label }) => places.get(label));
    if (wanted.some((one) => one === undefined)) return null;
    const confusion = this.classes.map(() => this.classes.map(() => 0));
    wanted.forEach((is, n) => (confusion[is!]![likeliest(shares[n]!)]! += 1));
    let right = 0;
    const per_class = this.classes.map((_, c) => {
      const hits = confusion[c]![c]!;
      right += hits;
      const count = confusion[c]!.reduce((a, b) => a + b, 0);
      const precision =
        hits /
        Math.max(
          confusion.reduce((sum, row) => sum + row[c]!, 0),
          1,
        );
      const recall = hits / Math.max(count, 1);
      const f1 = (2 * precision * recall) / Math.max(precision + recall, 1e-30);
      return { precision, recall, f1, count };
    });
    const f1 = per_class.reduce((sum, one) => sum + one.f1, 0) / per_class.length;
    return { accuracy: right / Math.max(wanted.length, 1), f1, confusion, per_class };
  }

  /** How much each moment moved the score of a class: shares of 1, of gradient times input. */
  saliency(series: LabelledSeries, channels: number, chosen: number): number[] {
    const rows = this.steps(series, channels);
    const wide = inputs(this.network.spec);
    const time = rows.length / wide;
    const weights = new Float32Array(time);
    weights[time - 1] = 1;
    const batch = {
      time,
      batch: 1,
      inputs: rows,
      targets: new Int32Array(time).fill(chosen),
      weights,
    };
    const { gradients } = this.network.gradients(batch, this.network.zeroState(1));
    const { patch } = this.reading;
    const moments = new Float64Array(time * patch);
    const each = wide / patch;
    rows.forEach((value, n) => {
      moments[Math.floor(n / each)]! += Math.abs(gradients.inputs[n]! * value);
    });
    const found = Array.from(moments.subarray(moments.length - series.length));
    const total = found.reduce((a, b) => a + b, 0);
    return found.map((moved) => (total ? moved / total : 0));
  }

  /** A series as what is read [steps, features], ending at its end: values and their slopes. */
  private steps({ length, values }: LabelledSeries, channels: number): Float32Array {
    const { patch, channels: mine, means, deviations } = this.reading;
    if (channels !== mine) {
      throw configError(`a series has ${channels} channels, but this model reads ${mine}.`);
    }
    const z = values.map((value, n) => {
      const scaled = (value - means[n % mine]!) / deviations[n % mine]!;
      return Number.isNaN(scaled) ? 0 : scaled;
    });
    const count = Math.ceil(length / patch);
    const before = count * patch - length;
    const rows = new Float32Array(count * patch * 2 * mine);
    for (let n = 0; n < count * patch; n++) {
      const t = Math.max(0, n - before);
      for (let c = 0; c < mine; c++) {
        const now = z[t * mine + c]!;
        rows[n * 2 * mine + c] = now;
        rows[n * 2 * mine + mine + c] = t ? 4 * (now - z[(t - 1) * mine + c]!) : 0;
      }
    }
    return rows;
  }
}

/** The number of the largest share, the first of several. */
export function likeliest(shares: Float64Array): number {
  let best = 0;
  shares.forEach((share, n) => {
    if (share > shares[best]!) best = n;
  });
  return best;
}
