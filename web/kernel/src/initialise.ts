/** The first weights of a network: the same numbers from a seed as core/parameters.py draws. */

import type { Kernel } from "./kernel.ts";
import { count, gates, parameterShapes, type Spec, type Weights } from "./spec.ts";

/** Streams of the shared generator, as in core/random.py. */
export const STREAM = { initialise: 1, shuffle: 2, dropout: 3, sample: 4, evaluate: 6 };

/**
 * Draw the first weights.
 *
 * Matrices, peepholes and biases of a layer of H units are uniform in +-1/sqrt(H), but the bias of
 * the forget gate is `forget_bias`; the embedding is normal with standard deviation 1 (0.1 when
 * tied); gains are 1.
 */
export function initialise(kernel: Kernel, spec: Spec, seed: bigint | number): Weights {
  const weights: Weights = new Map();
  const { sizes, cell } = spec.stack;
  let lane = 0;
  for (const [name, shape] of parameterShapes(spec)) {
    const size = count(shape);
    const values = new Float32Array(size);
    if (name === "embedding.weight") {
      const scale = spec.head.tied ? 0.1 : 1;
      const draws = kernel.uniforms(seed, STREAM.initialise, 2 * size, 0, lane);
      for (let n = 0; n < size; n++) {
        // Box and Muller's transform of a pair.
        const radius = Math.sqrt(-2 * Math.log1p(-draws[2 * n]!));
        values[n] = scale * (radius * Math.cos(2 * Math.PI * draws[2 * n + 1]!));
      }
    } else if (name.startsWith("norm_c")) {
      values.fill(1, 0, size / 2);
    } else if (name.startsWith("norm_")) {
      values.fill(1);
    } else {
      const layer = name.startsWith("head.") ? sizes.length - 1 : Number(name.split("_l").at(-1));
      const units = sizes[layer]!;
      const bound = 1 / Math.sqrt(units);
      const draws = kernel.uniforms(seed, STREAM.initialise, size, 0, lane);
      for (let n = 0; n < size; n++) values[n] = (2 * draws[n]! - 1) * bound;
      const block = gates(cell).indexOf("f");
      if (name.startsWith("bias_ih") && block >= 0) {
        values.fill(cell.forget_bias, block * units, (block + 1) * units);
      }
    }
    weights.set(name, values);
    lane += 1;
  }
  return weights;
}
