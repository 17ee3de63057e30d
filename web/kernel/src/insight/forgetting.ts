/** How long units remember: what insight/forgetting.py says of their forget gates. */

import type { Cell } from "../spec.ts";

/** Steps after which half is left, for a gate held at this value; Infinity for a gate of 1. */
export const halfLife = (gate: number): number =>
  gate <= 0 ? 0 : Math.LN2 / Math.abs(Math.log(gate));

/**
 * Return [T, H] the share of the memory that each step kept: the forget gate, 1 - i where the gates
 * are coupled, z in a GRU, and null where nothing is ever forgotten.
 */
export function kept(cell: Cell, layer: Record<string, Float32Array>): Float32Array | null {
  if (cell.gru) return layer.z ?? null;
  if (cell.coupled) return layer.i ? layer.i.map((gate) => 1 - gate) : null;
  return layer.f ?? null;
}

/** Return the mean of each column of [T, H], leaving the first `skip` rows out. */
export function columnMeans(values: Float32Array, units: number, skip = 0): Float64Array {
  const means = new Float64Array(units);
  const steps = values.length / units - skip;
  for (let at = skip * units, unit = 0; at < values.length; at++) {
    means[unit]! += values[at]!;
    if (++unit === units) unit = 0;
  }
  return means.map((sum) => sum / Math.max(1, steps));
}
