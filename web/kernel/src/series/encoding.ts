/** Series on their own scale, and what a position reads: tasks/series/encode.py and windows.py. */

import { configError } from "../errors.ts";
import { calendarOf, stampsAfter, type Frequency } from "./dates.ts";
import { quantileOf } from "./heads.ts";
import type { Cell, Series } from "./panel.ts";

/** Settled when a model learned, and kept with it. */
export interface Encoding {
  horizon: number;
  season: number;
  scaling: string;
  difference: string;
  lags: readonly number[];
  calendar: readonly string[];
  /** Values are counts, which are predicted as they are. */
  counts: boolean;
  masked: boolean;
  /** Covariates known up to now, and into the future. */
  past: number;
  future: number;
  /** Those of a whole series: the column, and its categories; none for a number. */
  static: readonly (readonly [string, readonly string[]])[];
  /** Of past, future and numeric static covariates, in this order. */
  means: readonly number[];
  deviations: readonly number[];
}

/** A series on its own scale. */
export interface Scaled {
  /** Without holes. */
  z: Float32Array;
  /** 1 where a value really is. */
  seen: Uint8Array;
  centre: number;
  scale: number;
  /** Times of the steps after each position. */
  next: Float64Array;
  /** Covariates, a column each; those of the future go on as far as they are known. */
  past: readonly Float64Array[];
  future: readonly Float64Array[];
  /** Level, and what is said of the whole series. */
  fixed: readonly number[];
}

/** How many numbers a position reads. */
export function featureCount(encoding: Encoding): number {
  const { season, horizon, lags, calendar, masked, past, future } = encoding;
  const lagged = lags.reduce((sum, lag) => sum + Math.min(horizon, lag), 0);
  const fixed = encoding.static.reduce((sum, [, categories]) => sum + (categories.length || 1), 2);
  const beside = 2 * calendar.length + past + future * horizon;
  return (season > 1 ? 2 : 1) + 1 + Number(masked) + lagged + beside + fixed;
}

const mean = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;

function scaleOf(y: Float64Array, { scaling, season, counts }: Encoding): [number, number] {
  const known = y.filter(Number.isFinite);
  if (scaling === "none" || !known.length) return [0, 1];
  const sizes = known.map(Math.abs);
  if (scaling === "mean") return [0, counts ? mean(sizes) + 1 : mean(sizes) || 1];
  const most = sizes.reduce((a, b) => Math.max(a, b));
  const tiny = 1e-6 * Math.max(most, 1e-6);
  const centre = mean(known);
  const spread = Math.sqrt(mean(known.map((value) => (value - centre) ** 2)));
  if (scaling === "robust") {
    const sorted = known.sort();
    const [low, middle, high] = [0.25, 0.5, 0.75].map((level) => quantileOf(sorted, level)) as [
      number,
      number,
      number,
    ];
    return [middle, Math.max((high - low) / 1.349, 0.1 * spread, tiny)];
  }
  if (scaling === "standard") return [centre, Math.max(spread, tiny)];
  const moves = y
    .subarray(season)
    .map((value, t) => Math.abs(value - y[t]!))
    .filter(Number.isFinite);
  return [centre, Math.max(moves.length ? mean(moves) : spread, 0.05 * spread, tiny)];
}

/** Bring a series to its scale. */
export function encodeSeries(series: Series, encoding: Encoding, frequency: Frequency): Scaled {
  const { y, stamps } = series;
  const [centre, scale] = scaleOf(y, encoding);
  const z = y.map((value) => (value - centre) / scale);
  const seen = Uint8Array.from(z, (value) => Number(Number.isFinite(value)));
  z.forEach((value, t) => {
    if (!Number.isNaN(value)) return;
    const before = t >= encoding.season ? z[t - encoding.season]! : NaN;
    z[t] = Number.isFinite(before) ? before : t ? z[t - 1]! : 0;
  });
  const scaled = (column: Float64Array, n: number): Float64Array =>
    column.map((value) => {
      const found = (value - encoding.means[n]!) / encoding.deviations[n]!;
      return Number.isNaN(found) ? 0 : found;
    });
  const next = new Float64Array(y.length);
  next.set(stamps.subarray(1));
  next.set(stampsAfter(frequency, stamps.at(-1)!, 1), y.length - 1);
  return {
    z: Float32Array.from(z),
    seen,
    centre,
    scale,
    next,
    past: series.past.map(scaled),
    future: series.future.map((column, n) => scaled(column, encoding.past + n)),
    fixed: [
      Math.asinh(centre / scale) / 4,
      Math.log(scale + 1e-30) / 10,
      ...fixedOf(series, encoding),
    ],
  };
}

/** What is said of a whole series, as numbers. Throws ConfigError for words in place of a number. */
function fixedOf({ fixed }: Series, encoding: Encoding): number[] {
  let place = encoding.past + encoding.future;
  return encoding.static.flatMap(([column, categories]) => {
    const said = fixed.get(column);
    if (categories.length) {
      return categories.map((one) => Number(said !== undefined && asText(said) === one));
    }
    if (typeof said === "string") {
      throw configError(`${column} is '${said}', but this model learned numbers there.`, "static");
    }
    const [mean, deviation] = [encoding.means[place]!, encoding.deviations[place]!];
    place += 1;
    // What is missing is as it usually is.
    return [((said || said === 0 ? said : mean) - mean) / deviation];
  });
}

/** A cell as Python writes it: whole numbers of a column of numbers with a point. */
const asText = (cell: Cell): string =>
  typeof cell === "number" && Number.isInteger(cell) ? `${cell}.0` : String(cell);

/** What a position reads beside values. */
export interface Beside {
  seen: boolean;
  /** Time of the step after it. */
  next: number;
  /** Covariates: as they were last seen, and of h steps after it. */
  past: readonly number[];
  future: (h: number) => readonly number[];
  fixed: readonly number[];
}

/**
 * Write what position t reads to x from `at` on. `valueAt` gives the value of any position up to t,
 * before the first one the first.
 */
export function writeInputs(
  x: Float32Array,
  at: number,
  encoding: Encoding,
  row: Beside,
  t: number,
  valueAt: (t: number) => number,
): void {
  const { season, horizon, lags, calendar, masked } = encoding;
  const now = valueAt(t);
  const put = (value: number): void => void (x[at++] = Math.asinh(value));
  put(now);
  put(now - valueAt(t - 1));
  if (season > 1) put(now - valueAt(t - season));
  for (const lag of lags) {
    const base = lags[0]!;
    for (let h = 1; h <= Math.min(horizon, lag); h++) {
      const there = valueAt(t + h - lag);
      // Beside the anchor of the same step: how the seasons differ.
      put(lag === base ? there - now : there - valueAt(t + h - base * Math.ceil(h / base)));
    }
  }
  if (masked) x[at++] = Number(row.seen);
  if (calendar.length) for (const part of calendarOf(row.next, calendar)) x[at++] = part;
  for (const value of row.past) x[at++] = value;
  if (encoding.future) {
    for (let h = 1; h <= horizon; h++) for (const value of row.future(h)) x[at++] = value;
  }
  for (const part of row.fixed) x[at++] = part;
}

/** What the prediction of h steps after t is a difference to. */
export function anchor(
  { difference, season }: Encoding,
  t: number,
  h: number,
  valueAt: (t: number) => number,
): number {
  if (difference === "none") return 0;
  return valueAt(difference === "season" ? t + h - season * Math.ceil(h / season) : t);
}
