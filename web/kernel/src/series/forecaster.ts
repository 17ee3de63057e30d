/** A model that forecasts, in the browser: tasks/series/model.py and evaluate.py. */

import { configError, formatError } from "../errors.ts";
import type { Kernel } from "../kernel.ts";
import { readModel, type ModelDocument, type ModelFile } from "../model-file.ts";
import { Network } from "../network.ts";
import { features, parameterCount } from "../spec.ts";
import { stampsAfter } from "./dates.ts";
import { encodeSeries, featureCount, type Encoding, type Scaled } from "./encoding.ts";
import { DRAWS, quantileOf } from "./heads.ts";
import { COLUMNS, type Columns } from "./layouts.ts";
import { NINE, score, seasonalNaive, type Scores } from "./measures.ts";
import { withoutLast, type Panel } from "./panel.ts";
import { Predictor, READ_AT_ONCE, type Predicted } from "./predict.ts";

/** Futures drawn of each series. */
const PATHS = 200;
/** Histories that are read side by side. */
const SIDE_BY_SIDE = 16;
/** Steps that the memory is shown over, at most. */
const MEMORY = 400;

export interface SeriesForecast extends Predicted {
  name: string;
  stamps: Float64Array;
}

export interface Evaluation {
  model: Scores;
  naive: Scores;
  series: number;
  steps: number;
  season: number;
}

type Json = Record<string, unknown>;

/** Of a model that reads nothing beside the series. */
const PLAIN = { past: 0, future: 0, static: [], means: [], deviations: [] };

export class Forecaster {
  readonly network: Network;
  readonly document: ModelDocument;
  readonly encoding: Encoding;
  /** How far ahead it was trained to forecast. */
  readonly horizon: number;
  /** How tables were read when it learned. */
  readonly columns: Columns;
  /** What it reads beside the series. */
  readonly covariates: Pick<Columns, "past" | "future" | "static">;
  private readonly predictor: Predictor;
  private readonly calibration: readonly number[];

  /** Throws FormatError where the file is no model of series, or one that is not asked here. */
  constructor(kernel: Kernel, file: ModelFile, name = "the file") {
    const { task } = file.document;
    if (task.kind !== "series") {
      throw formatError(`${name}: this is a model of ${String(task.kind)}, not of series.`);
    }
    const { spec } = file;
    const encoding = { ...PLAIN, ...(task.encoding as Encoding | undefined) } as Encoding & Json;
    const options = (task.options ?? {}) as Record<string, Json | undefined>;
    const horizon = options.series?.horizon;
    const whole = (value: unknown): boolean => Number.isInteger(value) && Number(value) > 0;
    if (
      !whole(encoding.horizon) ||
      !whole(encoding.season) ||
      !whole(horizon) ||
      !Array.isArray(encoding.lags) ||
      !encoding.lags.every(whole) ||
      !Array.isArray(encoding.calendar) ||
      !Array.isArray(encoding.static) ||
      !Array.isArray(encoding.means) ||
      !Array.isArray(encoding.deviations)
    ) {
      throw formatError(`${name}: the model's task does not say how series are read.`);
    }
    const counts = spec.head.kind === "negative_binomial";
    if (
      !(spec.head.kind in DRAWS) ||
      spec.head.horizon !== encoding.horizon ||
      Boolean(encoding.counts) !== counts
    ) {
      throw formatError(`${name}: the network's head is not one of this model's forecasts.`);
    }
    if (spec.input.kind !== "vector" || features(spec) !== featureCount(encoding)) {
      throw formatError(
        `${name}: the network reads ${features(spec)} numbers, but the encoding makes ` +
          `${featureCount(encoding)}.`,
      );
    }
    const columns = options.columns ?? {};
    const named = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
    this.covariates = {
      past: named(task.past),
      future: named(task.future),
      static: encoding.static.map(([column]) => column),
    };
    const { past, future } = this.covariates;
    if (past.length !== encoding.past || future.length !== encoding.future) {
      throw formatError(`${name}: the model's task does not say which covariates it reads.`);
    }
    this.encoding = encoding;
    this.horizon = Number(horizon);
    this.columns = { ...COLUMNS, ...columns };
    this.calibration = Array.isArray(task.calibration) ? task.calibration.map(Number) : [];
    this.document = file.document;
    this.network = new Network(kernel, spec, file.weights);
    this.predictor = new Predictor(kernel, this.network, encoding);
  }

  static read(kernel: Kernel, bytes: Uint8Array, name?: string): Forecaster {
    return new Forecaster(kernel, readModel(bytes, name), name);
  }

  get parameters(): number {
    return parameterCount(this.network.spec);
  }

  /** Give the kernel's memory back. */
  dispose(): void {
    this.network.dispose();
  }

  /**
   * Forecast the steps after the end of each series. Throws ConfigError for more steps than are
   * predicted at once. The same seed gives the same futures.
   */
  forecast(
    panel: Panel,
    steps: number,
    levels: readonly number[],
    { seed = 0, paths = PATHS, first = 0 } = {},
  ): SeriesForecast[] {
    const ahead = this.encoding.horizon;
    if (steps < 1) {
      throw configError(`horizon is ${steps}, but has to be 1 or more.`, "horizon");
    }
    if (ahead > 1 && steps > ahead) {
      throw configError(
        `this model predicts ${ahead} steps at once, but ${steps} are asked for; train one with a ` +
          "larger horizon, or without direct.",
        "horizon",
      );
    }
    for (const { name, y, future } of panel.series) {
      const given = Math.min(...future.map((column) => column.length)) - y.length;
      if (!(given < steps)) continue;
      throw configError(
        `this model reads ${this.covariates.future.join(", ")} of the future, but for series ` +
          `'${name}' ${given} of ${steps} steps are given.`,
        "future",
      );
    }
    const asked = levels.map((level) => this.level(level));
    const stamps = panel.series.map((one) =>
      stampsAfter(panel.frequency, one.stamps.at(-1)!, steps),
    );
    const rows = this.encode(panel);
    const drawing = { paths, seed, lane: first };
    const found = this.predictor.predict(rows, stamps, asked, drawing);
    return found.map((one, n) => ({ name: panel.series[n]!.name, stamps: stamps[n]!, ...one }));
  }

  /** Forecast the last steps of every series from what came before, and measure. */
  async evaluate(
    panel: Panel,
    progress?: (share: number) => Promise<void> | void,
  ): Promise<Evaluation> {
    const [steps, season] = [this.horizon, this.encoding.season];
    const chosen = panel.series.filter((one) => one.y.length >= steps + 2);
    if (!chosen.length) {
      throw configError(
        `no series is long enough: 1 windows of ${steps} steps need ${steps + 2} values.`,
      );
    }
    const found: SeriesForecast[] = [];
    const histories = chosen.map((one) => withoutLast(one, steps));
    for (let n = 0; n < chosen.length; n += SIDE_BY_SIDE) {
      const part = { ...panel, series: histories.slice(n, n + SIDE_BY_SIDE) };
      found.push(...this.forecast(part, steps, NINE, { first: n }));
      await progress?.(Math.min(n + SIDE_BY_SIDE, chosen.length) / chosen.length);
    }
    const y = chosen.map((one) => one.y.subarray(-steps));
    const before = histories.map((one) => one.y);
    const quantiles = found.map((one) => one.quantiles);
    const median = quantiles.map((one) => one.map((step) => step[4]!));
    const naive = before.map((one) => seasonalNaive(one, steps, season));
    return {
      model: score(y, median, before, season, quantiles),
      naive: score(y, naive, before, season, null),
      series: chosen.length,
      steps,
      season,
    };
  }

  /** What every memory cell held while one series was read, its last `MEMORY` steps. */
  memory(panel: Panel): { shown: number; layers: { units: number; values: number[] }[] } {
    const row = this.encode(panel)[0]!;
    const length = row.z.length;
    const start = Math.max(0, length - MEMORY);
    let state = this.network.zeroState(1);
    for (let t = 0; t < start; t += READ_AT_ONCE) {
      ({ state } = this.network.forward(
        this.predictor.window([row], t, Math.min(start, t + READ_AT_ONCE), length),
        state,
      ));
    }
    const found = this.network.trace(this.predictor.window([row], start, length, length), state);
    const { sizes, cell } = this.network.spec.stack;
    const layers = sizes.map((units, k) => ({
      units,
      values: Array.from(
        found.get(`${cell.gru ? "h" : "c"}_l${k}`)!,
        (value) => Math.round(value * 1e4) / 1e4,
      ),
    }));
    return { shown: length - start, layers };
  }

  /** Bring series to what the network reads. Throws ConfigError where they lack a covariate. */
  private encode({ series, frequency }: Panel): Scaled[] {
    const { past, future, fixed } = series[0]!;
    const { covariates } = this;
    for (const [what, missing] of [
      ["past", covariates.past[past.length]],
      ["future", covariates.future[future.length]],
      ["static", covariates.static.find((column) => !fixed.has(column))],
    ]) {
      if (missing === undefined) continue;
      throw configError(
        `this model reads the ${what} covariate '${missing}', which the data lack.`,
        what,
      );
    }
    return series.map((one) => encodeSeries(one, this.encoding, frequency));
  }

  /** The level at which the share `level` of held-out values really fell below. */
  private level(level: number): number {
    const known = this.calibration;
    if (!known.length) return level;
    return Math.min(1 - 1e-3, Math.max(1e-3, quantileOf(known, level)));
  }
}
