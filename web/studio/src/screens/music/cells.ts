/** Which token a moment belongs to, and the notes coloured by what a unit did at theirs. */

import type { TuneFacts } from "../../place/music.ts";

/** The last token that has been reached at a time; -1 before the first. */
export function tokenAt(times: readonly number[], seconds: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle]! <= seconds + 1e-3) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/**
 * A colour for every note: that of the last token of the moment at which it begins. A note of a
 * repeat has none, for its token was read when it was written, not when it is played again.
 */
export function colourNotes(
  tune: TuneFacts,
  colour: (token: number) => string | null,
): (string | null)[] {
  return tune.notes.map(({ start }) => {
    const token = tokenAt(tune.times, start);
    return Math.abs((tune.times[token] ?? -1) - start) < 2e-3 ? colour(token) : null;
  });
}
