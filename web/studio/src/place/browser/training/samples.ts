/** What the model writes while it learns, primed with a passage of the text: tasks/text/task.py. */

import { STREAM } from "../../../../../kernel/src/initialise.ts";
import type { Kernel } from "../../../../../kernel/src/kernel.ts";
import type { Training } from "../../../../../kernel/src/training.ts";
import type { Tokens, Vocabulary } from "../../../../../kernel/src/vocabulary.ts";
import type { SettingsByClass } from "../settings.ts";

/** Tokens of the training text that a sample is primed with. */
const PRIME = 64;

export interface Sample {
  temperature: number;
  text: string;
}

/** Return one sample a temperature, going on from a passage that is not shown. */
export function writeSamples(
  kernel: Kernel,
  training: Training,
  settings: SettingsByClass,
  step: number,
): Sample[] {
  const { seed } = settings.train;
  const { sample_temperatures: temperatures, sample_length: length } = settings.samples;
  const { network, vocabulary } = training.model;
  const prime = passage(kernel, training.tokens, vocabulary, seed, step);
  const last = prime.length - 1;
  let before = network.zeroState(1);
  if (last > 0) {
    const inputs = prime.subarray(0, last);
    before = network.forward({ time: last, batch: 1, inputs }, before).state;
  }
  return temperatures.map((temperature, lane) => {
    const draws = { seed: BigInt(seed) + BigInt(step), lanes: [lane] };
    const { tokens } = network.generate([prime[last]!], before, length, { temperature }, draws);
    const decoder = vocabulary.decoder();
    for (const token of prime.slice(-8)) decoder.feed(token);
    const text = Array.from(tokens, (token) => decoder.feed(token)).join("") + decoder.flush();
    return { temperature, text };
  });
}

/** A random passage of the text that ends at a line end, or else at a space, where one is near. */
function passage(
  kernel: Kernel,
  tokens: Tokens,
  vocabulary: Vocabulary,
  seed: number,
  step: number,
): Int32Array {
  const draw = kernel.uniforms(seed, STREAM.evaluate, 1, step)[0]!;
  const first = Math.floor(draw * Math.max(1, tokens.length - 4 * PRIME));
  const near = Int32Array.from(tokens.subarray(first, first + 4 * PRIME));
  for (const mark of ["\n", " "]) {
    const token = tokenOf(vocabulary, mark);
    if (token === null) continue;
    const ends = [...near.keys()].filter((place) => near[place] === token);
    if (!ends.length) continue;
    const after = ends.findIndex((place) => place >= PRIME);
    const end = ends[after < 0 ? ends.length - 1 : after]!;
    return near.slice(Math.max(0, end + 1 - PRIME), end + 1);
  }
  return near.slice(0, PRIME);
}

function tokenOf(vocabulary: Vocabulary, mark: string): number | null {
  try {
    const tokens = vocabulary.encode(mark, "refuse");
    return tokens.length === 1 ? tokens[0]! : null;
  } catch {
    return null; // not in the vocabulary
  }
}
