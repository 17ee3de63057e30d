/** Times of series, as seconds since 1970 or whole numbers, and what lies between them: formats/dates.py. */

import { configError } from "../errors.ts";

const DAY = 86400;
/** A time as Python writes it. */
export function stampText(stamp: number, dated: boolean): string {
  return dated ? new Date(1000 * stamp).toISOString().slice(0, 19) : String(stamp);
}

export type Unit = "step" | "second" | "month" | "business";

/** How far one step goes; offset: seconds since the month began, -1 for its last day. */
export interface Frequency {
  count: number;
  unit: Unit;
  offset: number;
}

const NAMES: Record<string, [number, Unit]> = {
  s: [1, "second"],
  min: [60, "second"],
  t: [60, "second"],
  h: [3600, "second"],
  d: [DAY, "second"],
  w: [7 * DAY, "second"],
  b: [1, "business"],
  ...Object.fromEntries(["m", "ms", "me", "mo"].map((name) => [name, [1, "month"]])),
  ...Object.fromEntries(["q", "qs", "qe"].map((name) => [name, [3, "month"]])),
  ...Object.fromEntries(["y", "ys", "ye", "a"].map((name) => [name, [12, "month"]])),
};
const AT_END = new Set(["me", "qe", "ye", "m", "q", "y", "a"]);

/** Read "h", "15min", "MS", "B" or a number. Throws ConfigError. */
export function parseFrequency(text: string): Frequency {
  if (/^\d+$/.test(text)) return { count: Math.max(1, Number(text)), unit: "step", offset: 0 };
  const match = /^(\d*)([A-Za-z]+)(-[A-Za-z]+)?$/.exec(text.trim());
  const name = match?.[2]!.toLowerCase() ?? "";
  const known = Object.hasOwn(NAMES, name) ? NAMES[name]! : null;
  if (!match || !known) {
    throw configError(
      `frequency is '${text}', but has to be a number or one of s, min, h, D, B, W, MS, ME, QS, ` +
        "YS, with a number before it if need be, as in 15min.",
      "frequency",
    );
  }
  const count = Number(match[1] || 1) * known[0];
  return { count, unit: known[1], offset: AT_END.has(name) ? -1 : 0 };
}

const modulo = (value: number, size: number): number => ((value % size) + size) % size;
const monthOf = (stamp: number): number => {
  const date = new Date(1000 * stamp);
  return 12 * (date.getUTCFullYear() - 1970) + date.getUTCMonth();
};
const monthStart = (month: number): number =>
  Date.UTC(1970 + Math.floor(month / 12), modulo(month, 12)) / 1000;
const dayOf = (stamp: number): number => Math.floor(stamp / DAY);
/** Monday is 0; the first of January 1970 was a Thursday. */
const weekday = (day: number): number => modulo(day + 3, 7);
/** Working days since the Monday of that week, which is day -3; days off are those of the next Monday. */
const workday = (day: number): number => 5 * Math.floor((day + 3) / 7) + Math.min(weekday(day), 5);

/** The commonest of positive whole numbers, the smaller of equals; at least 1. */
function common(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) if (value > 0) counts.set(value, (counts.get(value) ?? 0) + 1);
  let [best, often] = [1, 0];
  for (const [value, count] of counts) {
    if (count > often || (count === often && value < best)) [best, often] = [value, count];
  }
  return best;
}

/** The commonest distance between neighbours; null where no series has two. Stamps rise in each. */
export function inferFrequency(series: readonly Float64Array[], dated: boolean): Frequency | null {
  const differences = (values: readonly Float64Array[]): number[] =>
    values.flatMap((one) => Array.from(one.subarray(1), (value, n) => value - one[n]!));
  const steps = differences(series);
  if (!steps.length) return null;
  const usual = common(steps);
  if (!dated) return { count: usual, unit: "step", offset: 0 };
  const stamps = series.flatMap((one) => Array.from(one));
  if (usual >= 28 * DAY) {
    const moved = differences(series.map((one) => one.map(monthOf)));
    const inner = new Map<number, number>();
    for (const stamp of stamps) {
      const since = stamp - monthStart(monthOf(stamp));
      inner.set(since, (inner.get(since) ?? 0) + 1);
    }
    const [[offset]] = [...inner].sort((a, b) => b[1] - a[1] || a[0] - b[0]) as [[number, number]];
    const end = stamps.every((stamp) => monthOf((dayOf(stamp) + 1) * DAY) !== monthOf(stamp));
    return { count: common(moved), unit: "month", offset: end ? -1 : offset };
  }
  if (usual === DAY && stamps.length > 5 && stamps.every((stamp) => weekday(dayOf(stamp)) < 5)) {
    return { count: 1, unit: "business", offset: 0 };
  }
  return { count: usual, unit: "second", offset: 0 };
}

/** The number of a time on the grid; one between two places gets the earlier. */
export function position({ count, unit }: Frequency, stamp: number): number {
  if (unit === "business") return Math.floor((workday(dayOf(stamp)) - workday(0)) / count);
  return Math.floor((unit === "month" ? monthOf(stamp) : stamp) / count);
}

/** The times of the next steps after one. */
export function stampsAfter(
  { count, unit, offset }: Frequency,
  last: number,
  steps: number,
): Float64Array {
  return Float64Array.from({ length: steps }, (_, n) => {
    const ahead = (n + 1) * count;
    if (unit === "business") {
      const at = workday(dayOf(last)) + ahead;
      return DAY * (7 * Math.floor(at / 5) + modulo(at, 5) - 3);
    }
    if (unit !== "month") return last + ahead;
    const month = monthOf(last) + ahead;
    return offset < 0 ? monthStart(month + 1) - DAY : monthStart(month) + offset;
  });
}

const WORDS: Record<Unit, [number, string][]> = {
  second: [
    [604800, "week"],
    [DAY, "day"],
    [3600, "hour"],
    [60, "minute"],
    [1, "second"],
  ],
  month: [
    [12, "year"],
    [3, "quarter"],
    [1, "month"],
  ],
  business: [[1, "working day"]],
  step: [[1, "step"]],
};

/** In words: "every hour", "every 15 minutes". */
export function frequencyText({ count, unit }: Frequency): string {
  const [size, name] = WORDS[unit].find(([size]) => count % size === 0)!;
  return count === size ? `every ${name}` : `every ${count / size} ${name}s`;
}

/** Sine and cosine of where a date is in each cycle: tasks/series/encode.py. */
export function calendarOf(stamp: number, cycles: readonly string[]): number[] {
  return cycles.flatMap((name) => {
    let share: number;
    if (name === "year") {
      const start = Date.UTC(new Date(1000 * stamp).getUTCFullYear(), 0) / 1000;
      share = (stamp - start) / (365.25 * DAY);
    } else if (name === "week") share = modulo(stamp + 3 * DAY, 7 * DAY) / (7 * DAY);
    else share = modulo(stamp, DAY) / DAY;
    return [Math.sin(2 * Math.PI * share), Math.cos(2 * Math.PI * share)];
  });
}
