/** Polyphony under rules, and voices written around given ones: tasks/music/harmony.py. */

import type { State } from "../contract.ts";
import { STREAM } from "../initialise.ts";
import type { Network } from "../network.ts";
import type { SamplingOptions } from "../options.ts";
import { picked } from "../picked.ts";
import { choose, distribution, logProbs, masked, type Mask, type Rules } from "./draw.ts";
import { END, PolyphonyVocabulary } from "./vocabulary.ts";

const { STEP, FIRST } = PolyphonyVocabulary;
/** Pitches in one step where nothing else is said. */
const MOST_PITCHES = 16;

export interface Bounds {
  /** Steps that the piece must have; null for any number. */
  length: number | null;
  /** For each of the first steps, pitches by their voice, 0 for the highest. */
  given: readonly ReadonlyMap<number, number>[];
  /** How many pitches a step with given ones has, as far as there is room for them. */
  voices: number;
  /** Pitch classes that may be used; null for all. */
  scale: ReadonlySet<number> | null;
}

/** The state of one piece in time steps. */
export class StepRules implements Rules {
  step = 0;
  /** Highest pitch that may still come in this step. */
  private ceiling = 127;
  /** Pitches in this step so far, voices for which there was no room counted. */
  private voice = 0;

  constructor(
    readonly words: PolyphonyVocabulary,
    readonly bounds: Bounds,
  ) {}

  copy(): StepRules {
    return Object.assign(new StepRules(this.words, this.bounds), {
      step: this.step,
      ceiling: this.ceiling,
      voice: this.voice,
    });
  }

  allowed(): Mask {
    const { words, bounds } = this;
    const found: Mask = new Uint8Array(words.size);
    if (!this.voice && bounds.length !== null && this.step >= bounds.length) {
      found[END] = 1;
      return found;
    }
    const fixed = bounds.given[this.step];
    if (fixed?.size) {
      const [low, high] = this.range(fixed);
      found.fill(1, FIRST + low - words.low, Math.max(0, FIRST + high + 1 - words.low));
      if (low !== high || !fixed.has(this.voice)) this.keepScale(found, true);
      if (low > high) found[STEP] = 1;
      return found;
    }
    if (this.voice < MOST_PITCHES) {
      const high = Math.min(this.ceiling, words.high);
      found.fill(1, FIRST, FIRST + Math.max(0, high + 1 - words.low));
      this.keepScale(found, false);
    }
    found[STEP] = 1;
    if (!this.voice && bounds.length === null && this.step) found[END] = 1;
    return found;
  }

  /** Leave only the pitches of the scale; where `some`, only if any is left. */
  private keepScale(found: Mask, some: boolean): void {
    const { scale } = this.bounds;
    if (!scale) return;
    const inside = found.map((may, token) =>
      Number(may && (token < FIRST || scale.has((token - FIRST + this.words.low) % 12))),
    );
    if (!some || inside.some(Boolean)) found.set(inside);
  }

  /**
   * Which pitches the next voice may have, so that those below still have room; voices for which
   * there is none are passed over. Empty at the end of the step.
   */
  private range(fixed: ReadonlyMap<number, number>): [low: number, high: number] {
    const { words, bounds } = this;
    const high = Math.min(this.ceiling, words.high);
    for (; this.voice < bounds.voices; this.voice++) {
      const below = [...fixed.keys()]
        .filter((voice) => voice >= this.voice && fixed.get(voice)! <= high)
        .sort((a, b) => a - b)[0];
      if (below === this.voice) return [fixed.get(below)!, fixed.get(below)!];
      const low =
        below === undefined
          ? words.low + bounds.voices - 1 - this.voice
          : fixed.get(below)! + below - this.voice;
      if (low <= high && !fixed.has(this.voice)) return [low, high];
    }
    return [1, 0];
  }

  take(token: number): void {
    if (token === STEP) {
      this.step += 1;
      [this.ceiling, this.voice] = [127, 0];
    } else if (token >= FIRST) {
      const fixed = this.bounds.given[this.step];
      if (fixed?.size) this.range(fixed); // passes over voices without room
      this.ceiling = token - FIRST + this.words.low - 1;
      this.voice += 1;
    }
  }
}

interface Hypothesis {
  rules: StepRules;
  drawn: number[];
  token: number;
  /** Logarithm of its weight. */
  weight: number;
}

/**
 * Yield after every step how many are done; return the tokens of a piece that keeps `rules`: many
 * hypotheses side by side, weighed by how likely the given notes are, drawn anew by that weight.
 */
export function* harmonise(
  network: Network,
  rules: StepRules,
  options: SamplingOptions,
  particles: number,
  seed: bigint,
): Generator<number, number[]> {
  const length = rules.bounds.length ?? rules.bounds.given.length;
  const { kernel } = network;
  const size = rules.words.size;
  let group: Hypothesis[] = Array.from({ length: particles }, () => ({
    rules: rules.copy(),
    drawn: [],
    token: END,
    weight: 0,
  }));
  let state = network.zeroState(particles);
  let ticks = 0;
  for (let step = 0; step < length; step++) {
    const going = group.map(() => true);
    while (going.some(Boolean)) {
      const inputs = Int32Array.from(group, ({ token }) => token);
      const next = network.forward({ time: 1, batch: particles, inputs }, state);
      state = merged(network, state, next.state, going);
      group.forEach((one, b) => {
        if (!going[b]) return;
        const log_probs = logProbs(next.outputs.subarray(b * size, (b + 1) * size));
        const allowed = one.rules.allowed();
        one.weight += logSum(log_probs, allowed);
        const [uniform = 0] = kernel.uniforms(seed, STREAM.sample, 4, ticks, b);
        one.token = choose(distribution(masked(log_probs, allowed), options), uniform);
        one.drawn.push(one.token);
        one.rules.take(one.token);
        going[b] = one.rules.step === step;
      });
      ticks += 1;
    }
    const rows = rowsAnew(group, kernel.uniforms(seed, STREAM.evaluate, 1, step)[0]!);
    if (rows) {
      state = picked(network, state, rows);
      group = rows.map((row) => {
        const { rules: known, drawn, token } = group[row]!;
        return { rules: known.copy(), drawn: [...drawn], token, weight: 0 };
      });
    }
    yield step + 1;
  }
  let best = group[0]!;
  for (const one of group) if (one.weight > best.weight) best = one;
  return best.drawn;
}

/** Which hypotheses go on, where few carry all the weight: systematic resampling (Kitagawa 1996). */
function rowsAnew(group: readonly Hypothesis[], draw: number): number[] | null {
  const top = group.reduce((best, { weight }) => Math.max(best, weight), -Infinity);
  const shares = group.map(({ weight }) => Math.exp(weight - top));
  const sum = shares.reduce((a, b) => a + b, 0);
  const squares = shares.reduce((a, b) => a + (b / sum) ** 2, 0);
  const count = group.length;
  if (count === 1 || 1 / squares > count / 2) return null;
  const rows: number[] = [];
  let [row, reached] = [0, shares[0]! / sum];
  for (let n = 0; n < count; n++) {
    const wanted = (n + draw) / count;
    while (reached < wanted && row < count - 1) reached += shares[++row]! / sum;
    rows.push(row);
  }
  return rows;
}

/** The new state of those that go on and the old one of those that wait. */
function merged(network: Network, old: State, fresh: State, going: readonly boolean[]): State {
  const result = { batch: fresh.batch, floats: fresh.floats.slice() };
  const [before, after] = [network.stateArrays(old), network.stateArrays(result)];
  for (const [name, array] of after) {
    const width = array.length / fresh.batch;
    going.forEach((goes, b) => {
      if (goes) return;
      array.set(before.get(name)!.subarray(b * width, (b + 1) * width), b * width);
    });
  }
  return result;
}

function logSum(log_probs: Float64Array, allowed: Mask): number {
  const kept = log_probs.filter((_, n) => allowed[n]);
  if (!kept.length) return 0;
  const best = kept.reduce((a, b) => Math.max(a, b));
  return best + Math.log(kept.reduce((sum, value) => sum + Math.exp(value - best), 0));
}
