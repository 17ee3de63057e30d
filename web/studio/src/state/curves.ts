/** What becomes of a loss curve before it is drawn. */

/** Smooth by an exponential mean whose beginning is not pulled to zero; `amount` from 0 to 1. */
export function smooth(values: readonly number[], amount: number): number[] {
  let mean = 0;
  let weight = 0;
  return values.map((value) => {
    if (!Number.isFinite(value)) return value;
    mean = amount * mean + (1 - amount) * value;
    weight = amount * weight + (1 - amount);
    return mean / weight;
  });
}

/** Thin out to at most `most` points, each the mean of its neighbours; the last one stays. */
export function thin(
  x: readonly number[],
  y: readonly number[],
  most: number,
): [number[], number[]] {
  const size = Math.ceil(x.length / most);
  if (size <= 1) return [[...x], [...y]];
  const xs: number[] = [];
  const ys: number[] = [];
  for (let from = 0; from < x.length; from += size) {
    const to = Math.min(from + size, x.length);
    let sum = 0;
    let n = 0;
    for (let k = from; k < to; k += 1) {
      if (!Number.isFinite(y[k])) continue;
      sum += y[k]!;
      n += 1;
    }
    xs.push(x[to - 1]!);
    ys.push(n ? sum / n : NaN);
  }
  return [xs, ys];
}
