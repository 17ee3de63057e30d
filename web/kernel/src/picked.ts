/** Rearranging what a network carries. */

import type { State } from "./contract.ts";
import type { Network } from "./network.ts";

/** The states of some sequences of a batch, in that order; one may come several times. */
export function picked(network: Network, state: State, rows: readonly number[]): State {
  const result = network.zeroState(rows.length);
  const [from, to] = [network.stateArrays(state), network.stateArrays(result)];
  for (const [name, array] of to) {
    const width = array.length / rows.length;
    rows.forEach((row, b) => {
      array.set(from.get(name)!.subarray(row * width, (row + 1) * width), b * width);
    });
  }
  return result;
}
