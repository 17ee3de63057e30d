/** Numbers along an axis: its range, its ticks, and how they are written. */

export type Range = readonly [low: number, high: number];

/** The range of the numbers that are there; never empty, nor as narrow as what rounding leaves. */
export function bounds(values: readonly number[]): Range {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return [0, 1];
  const narrow = high - low <= 1e-9 * Math.max(Math.abs(low), Math.abs(high));
  return narrow ? [low - 0.5, high + 0.5] : [low, high];
}

/** Round numbers within a range, at most about `most` of them: steps of 1, 2 or 5 times ten to a power. */
export function ticks([low, high]: Range, most: number): number[] {
  const raw = (high - low) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * (raw <= power ? 1 : raw <= 2 * power ? 2 : raw <= 5 * power ? 5 : 10);
  const found: number[] = [];
  // A range too narrow for numbers to tell its ends apart: counting up would never get beyond it.
  if (!(step > 1e-12 * Math.max(Math.abs(low), Math.abs(high)))) return found;
  for (let n = Math.ceil(low / step); n * step <= high; n += 1) found.push(n * step);
  return found;
}

/** 20000 as "20k"; without the digits that come from adding up tenths. */
export function tickLabel(value: number): string {
  if (Math.abs(value) >= 1e6) return `${Number((value / 1e6).toPrecision(6))}M`;
  if (Math.abs(value) >= 1e4) return `${Number((value / 1e3).toPrecision(6))}k`;
  return String(Number(value.toPrecision(6)));
}

/** Index of the rising number that is nearest to a value; -1 where there is none. */
export function nearest(rising: readonly number[], value: number): number {
  let [low, high] = [0, rising.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rising[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low > 0 && value - rising[low - 1]! < rising[low]! - value ? low - 1 : high;
}

interface Pen {
  stroke: string;
  width?: number;
  alpha?: number;
  dash?: number[];
}

/** Stroke a path with a pen. */
export function inked(
  to: CanvasRenderingContext2D,
  { stroke, width = 1, alpha = 1, dash = [] }: Pen,
  path: () => void,
): void {
  to.globalAlpha = alpha;
  to.strokeStyle = stroke;
  to.lineWidth = width;
  to.setLineDash(dash);
  to.beginPath();
  path();
  to.stroke();
  to.setLineDash([]);
  to.globalAlpha = 1;
}
