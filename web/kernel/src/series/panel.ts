/** Many series side by side, each on a regular grid in time with holes: tasks/series/panel.py. */

import { configError, formatError } from "../errors.ts";
import {
  frequencyText,
  inferFrequency,
  parseFrequency,
  position,
  stampText,
  stampsAfter,
  type Frequency,
} from "./dates.ts";

const LARGEST = 1e100;

export interface Series {
  name: string;
  /** NaN where a value is missing; the first and the last are there. */
  y: Float64Array;
  /** Whole numbers, or seconds since 1970. */
  stamps: Float64Array;
  /** Covariates known up to now, a column each, NaN where missing. */
  past: readonly Float64Array[];
  /** Those known into the future, likewise; longer than y where some of it is known. */
  future: readonly Float64Array[];
  /** What is said of the whole series, by the name of the column. */
  fixed: ReadonlyMap<string, Cell>;
}

/** What stands in a column of numbers, or of words. */
export type Cell = number | string;

export interface Panel {
  series: Series[];
  frequency: Frequency;
  dated: boolean;
  /** Sentences for the person: what was sorted, filled or left out. */
  notes: string[];
}

/** Columns of equal length, rows in any order. */
export interface Rows {
  ids: readonly string[];
  /** null: rows are in order. */
  stamps: { values: Float64Array; dated: boolean } | null;
  y: Float64Array;
  past?: readonly Float64Array[];
  future?: readonly Float64Array[];
  fixed?: ReadonlyMap<string, readonly Cell[] | Float64Array>;
}

const said = (number: number): string => number.toLocaleString("en-US");

/** A series without its last steps, of which the future covariates are known; it keeps one value. */
export function withoutLast(series: Series, steps: number): Series {
  const kept = Math.max(1, series.y.length - steps);
  const cut = (column: Float64Array): Float64Array => column.subarray(0, kept);
  const { y, stamps, past } = series;
  return { ...series, y: cut(y), stamps: cut(stamps), past: past.map(cut) };
}

/** Make a panel. Throws FormatError for values and times that cannot be, ConfigError for the frequency. */
export function buildPanel(rows: Rows, where: string, wanted: string | null): Panel {
  const { y } = rows;
  if (!y.some((value) => Number.isFinite(value))) {
    throw formatError(`${where}: there is no value to learn from.`);
  }
  const dated = rows.stamps?.dated ?? false;
  const stamps = rows.stamps?.values ?? Float64Array.from(y, (_, n) => n);
  if (!stamps.every(Number.isSafeInteger)) {
    throw formatError(`${where}: times have to be whole numbers or dates.`);
  }
  const places = new Map<string, number>();
  const ids = rows.ids.map((id) => {
    if (!places.has(id)) places.set(id, places.size);
    return places.get(id)!;
  });
  const names = [...places.keys()];
  const order = [...ids.keys()].sort((a, b) => ids[a]! - ids[b]! || stamps[a]! - stamps[b]!);
  const notes: string[] = [];
  if (order.some((row, n) => row !== n) && ids.every((id, n) => !n || id >= ids[n - 1]!)) {
    notes.push("rows were not in order of time and have been sorted.");
  }
  const parts: number[][] = names.map(() => []);
  for (const row of order) parts[ids[row]!]!.push(row);
  const { past = [], future = [], fixed = new Map<string, readonly Cell[]>() } = rows;
  const whole = parts.map((part, n): Series => {
    const taken = (column: Float64Array): Float64Array =>
      Float64Array.from(part, (row) => column[row]!);
    return {
      name: names[n]!,
      y: taken(y),
      stamps: taken(stamps),
      past: past.map(taken),
      future: future.map(taken),
      fixed: new Map(Array.from(fixed, ([name, column]) => [name, column[part[0]!]!])),
    };
  });
  refuse(whole, dated, where);
  let frequency = wanted
    ? parseFrequency(wanted)
    : (inferFrequency(
        whole.map((one) => one.stamps),
        dated,
      ) ?? ({ count: 1, unit: "step", offset: 0 } as Frequency));
  if (dated && frequency.unit === "step") frequency = { count: 86400, unit: "second", offset: 0 };
  if (!dated && frequency.unit !== "step") {
    throw configError(
      `frequency is ${wanted}, but times are whole numbers here; give a number.`,
      "frequency",
    );
  }
  const [series, told]: [Series[], string[]] = [[], []];
  for (const one of whole) {
    const made = onGrid(one, frequency, dated, where);
    if (!made) {
      notes.push(`series '${one.name}' has no value and is left out.`);
      continue;
    }
    series.push(made);
    const missing = made.y.reduce((sum, value) => sum + Number(Number.isNaN(value)), 0);
    if (missing) {
      told.push(`series '${one.name}' lacks ${said(missing)} of ${said(made.y.length)} values`);
    }
  }
  if (told.length) {
    const more = told.length > 3 ? ` (and ${said(told.length - 3)} more series)` : "";
    notes.push(`${told.slice(0, 3).join("; ")}${more}; what is missing is masked.`);
  }
  return { series, frequency, dated, notes };
}

function refuse(series: readonly Series[], dated: boolean, where: string): void {
  const twice = series.flatMap(({ name, stamps }) =>
    Array.from(stamps)
      .filter((stamp, n) => n && stamp === stamps[n - 1])
      .map((stamp) => ({ name, stamp })),
  );
  if (twice[0]) {
    const more = twice.length > 1 ? ` (and ${said(twice.length - 1)} more such times)` : "";
    throw formatError(
      `${where}: series '${twice[0].name}' has two values at ` +
        `${stampText(twice[0].stamp, dated)}${more}; remove or sum up what comes twice, or name ` +
        "the column that tells series apart.",
    );
  }
  for (const { name, y, stamps } of series) {
    const at = y.findIndex((value) => Math.abs(value) > LARGEST);
    if (at < 0) continue;
    const what = Number.isFinite(y[at]!) ? String(Number(y[at]!.toPrecision(6))) : "infinite";
    throw formatError(
      `${where}: series '${name}' is ${what} at ${stampText(stamps[at]!, dated)}; correct the ` +
        "value (sizes stay below 1e+100), or leave it missing.",
    );
  }
}

/** A series from its first to its last value; null where it has none. */
function onGrid(found: Series, grid: Frequency, dated: boolean, where: string): Series | null {
  const { name } = found;
  const first = found.y.findIndex(Number.isFinite);
  if (first < 0) return null;
  const end = found.y.findLastIndex(Number.isFinite) + 1;
  const part = (column: Float64Array): Float64Array => column.slice(first, end);
  const [y, stamps] = [part(found.y), part(found.stamps)];
  const [past, future] = [found.past.map(part), found.future.map(part)];
  const start = position(grid, stamps[0]!);
  const places = Array.from(stamps, (stamp) => position(grid, stamp) - start);
  const close = places.findIndex((place, n) => n > 0 && place === places[n - 1]);
  if (close > 0) {
    const [one, two] = [close - 1, close].map((n) => stampText(stamps[n]!, dated));
    throw formatError(
      `${where}: series '${name}' has values at ${one} and ${two}, closer than its step ` +
        `(${frequencyText(grid)}); give the frequency.`,
    );
  }
  const length = places.at(-1)! + 1;
  if (length > 100 * y.length + 10_000) {
    throw formatError(
      `${where}: series '${name}' has ${said(y.length)} values on a grid of ${said(length)} ` +
        `places (${frequencyText(grid)}); give the frequency that it really has.`,
    );
  }
  if (length === y.length) return { ...found, y, stamps, past, future };
  const spread = (column: Float64Array, into = new Float64Array(length).fill(NaN)) => {
    places.forEach((place, n) => (into[place] = column[n]!));
    return into;
  };
  const times = new Float64Array(length);
  times[0] = stamps[0]!;
  times.set(stampsAfter(grid, stamps[0]!, length - 1), 1);
  return {
    ...found,
    y: spread(y),
    stamps: spread(stamps, times),
    past: past.map((column) => spread(column)),
    future: future.map((column) => spread(column)),
  };
}
