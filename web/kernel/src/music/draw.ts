/** One draw from logits under a mask: core/sampling.py and tasks/music/generate.py. */

import { isGreedy, type SamplingOptions } from "../options.ts";

/** Which tokens may come next: one byte a token. */
export type Mask = Uint8Array;

/** What may come next in one piece. */
export interface Rules {
  allowed(): Mask;
  /** Go on with a token that was drawn. */
  take(token: number): void;
}

/** Log-probabilities of one row of logits, in float64. */
export function logProbs(logits: Float32Array): Float64Array {
  let top = -Infinity;
  for (const logit of logits) if (logit > top) top = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - top);
  const log = Math.log(sum);
  return Float64Array.from(logits, (logit) => logit - top - log);
}

/** Put what is not allowed far below everything else. */
export function masked(log_probs: Float64Array, allowed: Mask): Float64Array {
  let best = -Infinity;
  allowed.forEach((may, n) => {
    if (may && log_probs[n]! > best) best = log_probs[n]!;
  });
  // Where the model thinks nothing of what is allowed, it is still the best of it that counts.
  return best === -Infinity
    ? log_probs
    : log_probs.map((value, n) => (allowed[n] ? value - best : -1e9));
}

/** The probabilities that temperature, top-k, nucleus and min-p leave, in this order. */
export function distribution(log_probs: Float64Array, options: SamplingOptions): Float64Array {
  let top = 0;
  log_probs.forEach((value, n) => {
    if (value > log_probs[top]!) top = n;
  });
  if (isGreedy(options)) return log_probs.map((_, n) => Number(n === top));
  const best = log_probs[top]!;
  const probs = log_probs.map((value) => Math.exp((value - best) / options.temperature));
  if (options.top_k || options.top_p < 1) {
    const order = Array.from(probs.keys()).sort((a, b) => probs[b]! - probs[a]! || a - b);
    if (options.top_k) for (const n of order.slice(options.top_k)) probs[n] = 0;
    if (options.top_p < 1) {
      const total = order.reduce((sum, n) => sum + probs[n]!, 0);
      let reached = 0;
      for (const n of order) {
        const before = reached;
        reached += probs[n]!;
        // A token stays while what stands before it has not yet reached top_p.
        if (before >= options.top_p * total) probs[n] = 0;
      }
    }
  }
  if (options.min_p) {
    // The likeliest one has probability 1 here.
    probs.forEach((value, n) => {
      if (value < options.min_p) probs[n] = 0;
    });
  }
  const sum = probs.reduce((total, value) => total + value, 0);
  return probs.map((value) => value / sum);
}

/** The first token whose cumulated share exceeds `uniform`. */
export function choose(probs: Float64Array, uniform: number): number {
  const cumulated = new Float64Array(probs.length);
  let sum = 0;
  probs.forEach((value, n) => (cumulated[n] = sum += value));
  // The last sum may be a rounding short of 1, so the draw is scaled to it.
  const place = cumulated.findIndex((value) => value > uniform * sum);
  return place < 0 ? probs.length - 1 : place;
}
