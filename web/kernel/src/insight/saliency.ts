/**
 * Which inputs moved one prediction: the gradient of a log-probability back through time to every
 * input vector (the embedded token, or its one-hot vector), as insight/saliency.py has it.
 */

import { configError } from "../errors.ts";
import type { Network } from "../network.ts";
import { features } from "../spec.ts";
import { logSoftmax } from "../text-model.ts";

export interface Saliency {
  target: number;
  log_prob: number;
  /** [T] length of the derivative: how much the score moves for a small change. */
  norm: Float32Array;
  /** [T] derivative times input: how much of the score each input accounts for, with sign. */
  dot: Float32Array;
}

/** Return how the score of `target` after the last of the tokens depends on all of them. */
export function saliency(network: Network, tokens: Int32Array, target: number | null): Saliency {
  if (!tokens.length) throw configError("saliency needs at least one token.", "text");
  const { spec } = network;
  const size = spec.head.vocabulary_size;
  const window = { time: tokens.length, batch: 1, inputs: tokens };
  const state = network.zeroState(1);
  const { outputs } = network.forward(window, state);
  const last = logSoftmax(outputs.subarray(outputs.length - size));
  const chosen = target ?? last.indexOf(Math.max(...last));
  // d log p(target) / d logits = onehot(target) - p
  const upstream = new Float32Array(outputs.length);
  last.forEach((log_prob, n) => {
    upstream[outputs.length - size + n] = Number(n === chosen) - Math.exp(log_prob);
  });
  const { inputs } = network.backward(window, state, upstream);
  const width = features(spec);
  const table = spec.input.kind === "embedding" ? network.weights().get("embedding.weight")! : null;
  const [norm, dot] = [new Float32Array(tokens.length), new Float32Array(tokens.length)];
  tokens.forEach((token, t) => {
    const slope = inputs.subarray(t * width, (t + 1) * width);
    norm[t] = Math.hypot(...slope);
    dot[t] = table
      ? slope.reduce((sum, value, k) => sum + value * table[token * width + k]!, 0)
      : slope[token]!;
  });
  return { target: chosen, log_prob: last[chosen]!, norm, dot };
}
