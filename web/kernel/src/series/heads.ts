/** What a predicted distribution says: engines/heads/readout.py. */

import type { Head } from "../spec.ts";
import { countAt } from "./counts.ts";

const FLOOR = 1e-3;
const LEAST_FREEDOM = 2;
const LEAST_MEAN = 1e-6;

const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** Uniform numbers that one draw takes. */
export const DRAWS: Readonly<Record<string, number>> = {
  gaussian: 2,
  student_t: 2,
  negative_binomial: 1,
  mixture: 3,
  quantiles: 1,
};

/** The raw outputs of each value that a position predicts. */
export function* valuesOf(head: Head, raw: Float32Array): Generator<Float32Array> {
  const size = head.vocabulary_size / head.horizon;
  for (let h = 0; h < head.horizon; h++) yield raw.subarray(h * size, (h + 1) * size);
}

/** The mean of one value's distribution; of quantiles by trapezia. `scale`: of the series, for counts. */
export function meanOf(head: Head, raw: Float32Array, scale: number): number {
  if (head.kind === "quantiles") {
    const found = quantileValues(raw);
    let sum = 0;
    for (let n = 0; n < 50; n++) sum += at(head.levels, found, (n + 0.5) / 50);
    return sum / 50;
  }
  if (head.kind === "negative_binomial") return scale * softplus(raw[0]!) + LEAST_MEAN;
  if (head.kind !== "mixture") return raw[0]!;
  const shares = sharesOf(raw);
  return shares.reduce((sum, share, k) => sum + share * raw[shares.length + k]!, 0);
}

/** Quantiles of one value's distribution at any levels, from a head of quantiles. */
export function quantilesOf(head: Head, raw: Float32Array, levels: readonly number[]): number[] {
  const found = quantileValues(raw);
  return levels.map((level) => at(head.levels, found, level));
}

/**
 * One number drawn from one value's distribution, from `DRAWS` uniform ones. `scale`: of the series,
 * for counts.
 */
export function draw(head: Head, raw: Float32Array, u: ArrayLike<number>, scale: number): number {
  if (head.kind === "quantiles") return at(head.levels, quantileValues(raw), u[0]!);
  if (head.kind === "negative_binomial") {
    return countAt(u[0]!, meanOf(head, raw, scale), softplus(raw[1]!) + LEAST_MEAN);
  }
  const angle = Math.cos(2 * Math.PI * u[1]!);
  const log = Math.log1p(-u[0]!);
  if (head.kind === "mixture") {
    const shares = sharesOf(raw);
    let [k, rest] = [0, u[2]!];
    while (k < shares.length - 1 && rest >= shares[k]!) rest -= shares[k++]!;
    const sigma = softplus(raw[2 * shares.length + k]!) + FLOOR;
    return raw[shares.length + k]! + sigma * Math.sqrt(-2 * log) * angle;
  }
  const sigma = softplus(raw[1]!) + FLOOR;
  if (head.kind === "gaussian") return raw[0]! + sigma * Math.sqrt(-2 * log) * angle;
  // Student's t without a gamma variate (Bailey 1994).
  const nu = softplus(raw[2]!) + LEAST_FREEDOM;
  return raw[0]! + sigma * Math.sqrt(nu * Math.expm1((-2 / nu) * log)) * angle;
}

/** The weights of a mixture's parts. */
function sharesOf(raw: Float32Array): number[] {
  const logits = Array.from(raw.subarray(0, raw.length / 3));
  const most = Math.max(...logits);
  const sizes = logits.map((logit) => Math.exp(logit - most));
  const sum = sizes.reduce((a, b) => a + b);
  return sizes.map((size) => size / sum);
}

/** The quantiles that raw outputs stand for, rising: the middle one, and steps up and down from it. */
function quantileValues(raw: Float32Array): Float64Array {
  const middle = raw.length >> 1;
  const found = new Float64Array(raw.length);
  found[middle] = raw[middle]!;
  for (let k = middle + 1; k < raw.length; k++) found[k] = found[k - 1]! + softplus(raw[k]!);
  for (let k = middle - 1; k >= 0; k--) found[k] = found[k + 1]! - softplus(raw[k]!);
  return found;
}

/** The quantile at a level: linear between those that are known, beyond them as an exponential's. */
function at(known: readonly number[], found: Float64Array, u: number): number {
  const last = known.length - 1;
  if (!last) return found[0]!;
  if (u < known[0]!) {
    const slope = (found[1]! - found[0]!) / (known[1]! - known[0]!);
    return found[0]! + slope * known[0]! * Math.log(Math.max(u, 1e-9) / known[0]!);
  }
  if (u > known[last]!) {
    const slope = (found[last]! - found[last - 1]!) / (known[last]! - known[last - 1]!);
    const above = 1 - known[last]!;
    return found[last]! - slope * above * Math.log(Math.max(1 - u, 1e-9) / above);
  }
  let place = 0;
  while (place < last - 1 && known[place + 1]! < u) place++;
  const [low, high] = [known[place]!, known[place + 1]!];
  return found[place]! + ((found[place + 1]! - found[place]!) * (u - low)) / (high - low);
}

/** A quantile of numbers that rise, linear between two of them. */
export function quantileOf(sorted: ArrayLike<number>, level: number): number {
  const place = level * (sorted.length - 1);
  const low = Math.floor(place);
  const below = sorted[low]!;
  return below + ((sorted[Math.min(low + 1, sorted.length - 1)] ?? below) - below) * (place - low);
}
