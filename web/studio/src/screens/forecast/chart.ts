/** Geometry of charts over time, as SVG paths; pure, so that it is tested without a browser. */

import type { Values } from "../../place/series.ts";

export interface Frame {
  left: number;
  top: number;
  width: number;
  height: number;
  /** Steps shown along the x axis. */
  steps: number;
  low: number;
  high: number;
}

export const xOf = (frame: Frame, step: number): number =>
  frame.left + (frame.steps > 1 ? (step / (frame.steps - 1)) * frame.width : frame.width / 2);
export const yOf = (frame: Frame, value: number): number =>
  frame.top + (1 - (value - frame.low) / (frame.high - frame.low)) * frame.height;

/** A line through values from step `first` on; a hole where a value is missing. */
export function linePath(frame: Frame, values: Values, first = 0): string {
  let path = "";
  let down = false;
  values.forEach((value, n) => {
    if (value === null) {
      down = false;
      return;
    }
    path += `${down ? "L" : "M"}${xOf(frame, first + n).toFixed(1)} ${yOf(frame, value).toFixed(1)}`;
    down = true;
  });
  return path;
}

/** The area between two lines from step `first` on. */
export function bandPath(frame: Frame, low: Values, high: Values, first = 0): string {
  const at = (value: number | null, n: number): string =>
    `${xOf(frame, first + n).toFixed(1)} ${yOf(frame, value ?? frame.low).toFixed(1)}`;
  const there = high.map((value, n) => at(value, n));
  const back = low.map((value, n) => at(value, n)).reverse();
  return there.length ? `M${there.join("L")}L${back.join("L")}Z` : "";
}

/** Round numbers that lie in a range, about `count` of them. */
export function ticks(low: number, high: number, count: number): number[] {
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((one) => one >= rough) ?? 10 * power;
  const found: number[] = [];
  for (let n = Math.ceil(low / step); n * step <= high + step * 1e-9; n += 1)
    found.push(n * step || 0);
  return found;
}

/** Least and greatest of all values, with a little room; never empty. */
export function range(...series: Values[]): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const values of series) {
    for (const value of values) {
      if (value === null) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (low > high) return [0, 1];
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  return [low - room, high + room];
}

/** "2024-03-25T00:00:00" as a person reads it: without the time where it is midnight. */
export function stampOf(stamp: string): string {
  return stamp.endsWith("T00:00:00") ? stamp.slice(0, 10) : stamp.replace("T", " ").slice(0, 16);
}

export function figure(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  return value.toLocaleString("en-GB", {
    maximumFractionDigits: size >= 1000 ? 0 : size >= 10 ? 1 : 3,
  });
}
