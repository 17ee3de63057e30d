/**
 * Forecasts from a network: the history is read, then each next value is drawn and read in turn, or
 * all of them are predicted at once: tasks/series/predict.py.
 *
 * What needs no draws is as in Python. Futures are drawn from the same distributions by the shared
 * counter-based generator, so they agree in distribution, not number by number.
 */

import type { State } from "../contract.ts";
import type { Kernel } from "../kernel.ts";
import type { Network } from "../network.ts";
import { picked } from "../picked.ts";
import { anchor, featureCount, writeInputs, type Encoding, type Scaled } from "./encoding.ts";
import { draw, DRAWS, meanOf, quantileOf, quantilesOf, valuesOf } from "./heads.ts";

/** Stream of the generator that futures are drawn from. */
const FORECAST = 7;
/** Positions that are read in one call. */
export const READ_AT_ONCE = 256;

/** What is drawn: so many futures of each series, from a seed; lane: the number of the first series. */
export interface Drawing {
  paths: number;
  seed: number;
  lane: number;
}

/** A forecast in the unit of its series. */
export interface Predicted {
  mean: number[];
  /** Of each step, at the levels that were asked for. */
  quantiles: number[][];
}

/** A network that reads and predicts series as one encoding says. */
export class Predictor {
  constructor(
    private readonly kernel: Kernel,
    private readonly network: Network,
    private readonly encoding: Encoding,
  ) {}

  /** Forecast the steps after each series, `stamps` of them, at levels of the quantiles. */
  predict(
    rows: readonly Scaled[],
    stamps: readonly Float64Array[],
    levels: readonly number[],
    { paths, seed, lane }: Drawing,
  ): Predicted[] {
    const { state, outputs } = this.readHistory(rows);
    const width = this.network.spec.head.vocabulary_size;
    return rows.map((row, n) => {
      const raw = outputs.subarray(n * width, (n + 1) * width);
      const drawing = { paths, seed, lane: lane + n };
      if (this.encoding.horizon > 1 || stamps[n]!.length === 1) {
        return this.atOnce(row, raw, stamps[n]!.length, levels, drawing);
      }
      const start = picked(this.network, state, new Array<number>(paths).fill(n));
      return this.oneByOne(row, start, raw, stamps[n]!, levels, drawing);
    });
  }

  /** What positions from..to of histories read that all end together, at `length`. */
  window(rows: readonly Scaled[], from: number, to: number, length: number) {
    const [wide, batch] = [featureCount(this.encoding), rows.length];
    const inputs = new Float32Array((to - from) * batch * wide);
    const resets = new Uint8Array((to - from) * batch);
    rows.forEach((row, b) => {
      const start = length - row.z.length;
      const valueAt = (t: number): number => row.z[Math.max(0, t)]!;
      if (start >= from && start < to) resets[(start - from) * batch + b] = 1;
      for (let t = Math.max(from, start); t < to; t++) {
        const place = t - start;
        const one = {
          seen: row.seen[place] === 1,
          next: row.next[place]!,
          past: row.past.map((column) => column[place]!),
          // What is not known is as it usually is.
          future: (h: number) => row.future.map((column) => column[place + h] ?? 0),
          fixed: row.fixed,
        };
        writeInputs(inputs, ((t - from) * batch + b) * wide, this.encoding, one, place, valueAt);
      }
    });
    return { time: to - from, batch, inputs, resets };
  }

  /** The state after whole histories, read side by side, and the raw outputs at their ends. */
  private readHistory(rows: readonly Scaled[]): { state: State; outputs: Float32Array } {
    const length = rows.reduce((most, row) => Math.max(most, row.z.length), 0);
    let state = this.network.zeroState(rows.length);
    let outputs: Float32Array = new Float32Array();
    for (let t = 0; t < length; t += READ_AT_ONCE) {
      const window = this.window(rows, t, Math.min(length, t + READ_AT_ONCE), length);
      ({ outputs, state } = this.network.forward(window, state));
    }
    return { state, outputs: outputs.slice(-rows.length * this.network.spec.head.vocabulary_size) };
  }

  /** Uniform numbers for the draws of one step of one series. */
  private uniforms(step: number, { paths, seed, lane }: Drawing): Float64Array {
    const count = paths * DRAWS[this.network.spec.head.kind]!;
    return this.kernel.uniforms(seed, FORECAST, count, step * Math.ceil(count / 4), lane);
  }

  /** All steps from the outputs of the last position. */
  private atOnce(
    { z, centre, scale }: Scaled,
    raw: Float32Array,
    steps: number,
    levels: readonly number[],
    drawing: Drawing,
  ): Predicted {
    const { head } = this.network.spec;
    const { paths } = drawing;
    const valueAt = (t: number): number => z[Math.max(0, t)]!;
    const [mean, quantiles]: [number[], number[][]] = [[], []];
    for (const one of [...valuesOf(head, raw)].slice(0, steps)) {
      const h = mean.length;
      const back = anchor(this.encoding, z.length - 1, h + 1, valueAt);
      const undone = (value: number): number =>
        this.encoding.counts ? value : centre + scale * (back + value);
      mean.push(undone(meanOf(head, one, scale)));
      if (head.kind === "quantiles") {
        quantiles.push(quantilesOf(head, one, levels).map(undone));
        continue;
      }
      const u = this.uniforms(h, drawing);
      const size = u.length / paths;
      const drawn = Float64Array.from({ length: paths }, (_, p) =>
        undone(draw(head, one, u.subarray(p * size, (p + 1) * size), scale)),
      ).sort();
      quantiles.push(levels.map((level) => quantileOf(drawn, level)));
    }
    return { mean, quantiles };
  }

  /** Draw values and read them again. */
  private oneByOne(
    row: Scaled,
    start: State,
    first: Float32Array,
    stamps: Float64Array,
    levels: readonly number[],
    drawing: Drawing,
  ): Predicted {
    const { head } = this.network.spec;
    const { counts } = this.encoding;
    const { paths } = drawing;
    const [length, steps, width] = [row.z.length, stamps.length, head.vocabulary_size];
    const wide = featureCount(this.encoding);
    /** [steps, paths] */
    const z = new Float32Array(steps * paths);
    const valueOf =
      (path: number) =>
      (t: number): number =>
        t < length ? row.z[Math.max(0, t)]! : z[(t - length) * paths + path]!;
    let [state, raw] = [start, first];
    const [mean, quantiles]: [number[], number[][]] = [[], []];
    for (let step = 0; step < steps; step++) {
      const u = this.uniforms(step, drawing);
      const size = u.length / paths;
      const inputs = new Float32Array(paths * wide);
      const drawn = new Float64Array(paths);
      // What is known of the past only stays as it was last seen.
      const beside = {
        seen: true,
        past: row.past.map((column) => column[length - 1]!),
        future: (h: number) =>
          row.future.map((column) => column[length + step + h] ?? column.at(-1) ?? 0),
        fixed: row.fixed,
      };
      for (let p = 0; p < paths; p++) {
        const [t, valueAt] = [length + step, valueOf(p)];
        const one = step ? raw.subarray(p * width, (p + 1) * width) : raw;
        const value = draw(head, one, u.subarray(p * size, (p + 1) * size), row.scale);
        const next = counts
          ? (value - row.centre) / row.scale
          : value + anchor(this.encoding, t - 1, 1, valueAt);
        // A model that runs away is held where numbers still are numbers.
        const held = Math.min(1e6, Math.max(-1e6, next));
        z[step * paths + p] = held;
        const said = row.centre + row.scale * z[step * paths + p]!;
        drawn[p] = counts ? Math.round(said) : said;
        if (step + 1 === steps) continue;
        const read = { ...beside, next: stamps[step + 1]! };
        writeInputs(inputs, p * wide, this.encoding, read, t, valueAt);
      }
      mean.push(drawn.reduce((a, b) => a + b) / paths);
      drawn.sort();
      quantiles.push(levels.map((level) => quantileOf(drawn, level)));
      if (step + 1 === steps) break;
      const next = this.network.forward({ time: 1, batch: paths, inputs }, state);
      [raw, state] = [next.outputs, next.state];
    }
    return { mean, quantiles };
  }
}
