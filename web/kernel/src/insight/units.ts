/**
 * What each unit responds to: the mutual information of its binned memory and features of the text,
 * against texts that were shifted round. The measure, the bins, the shifts and the correction are
 * those of insight/units.py; this file finds the same numbers.
 */

import { configError } from "../errors.ts";
import { STREAM } from "../initialise.ts";
import type { Kernel } from "../kernel.ts";
import { permutation } from "../windows.ts";
import type { Feature } from "./features.ts";

const QUANTILES = [0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97, 0.99];
const KINDS = QUANTILES.length + 1;
/** Most classes that a feature of whole numbers is cut into, at its own quantiles. */
const CLASSES = 8;
/** A feature that begins fewer times than this in a text cannot be told from chance. */
const EPISODES = 5;

export interface Explanation {
  feature: string;
  /** Share of the feature's entropy that the unit explains beyond chance. */
  score: number;
  bits: number;
  p: number;
  /** Mean memory where the feature holds, and elsewhere. */
  inside: number;
  outside: number;
}

export interface Explanations {
  features: string[];
  skipped: Record<string, string>;
  /** For each unit the feature that explains it best; null where no feature could be tested. */
  best: (Explanation | null)[];
}

export interface ExplainOptions {
  permutations?: number;
  seed?: number;
  /** Called now and then with the share of the work that is done; may let messages in. */
  progress?: (share: number) => Promise<void>;
  stopped?: () => boolean;
}

interface Tested {
  name: string;
  /** [T] classes from 0 up without gaps, and how many. */
  classes: Int32Array;
  count: number;
  /** [T] where it holds. */
  high: Uint8Array;
  entropy: number;
}

/**
 * Measure how well each feature explains each unit's memory.
 *
 * `memory` is unit by unit: [U] arrays of [T]. Throws ConfigError where the text is too short.
 */
export async function explain(
  kernel: Kernel,
  memory: Float32Array[],
  features: Feature[],
  options: ExplainOptions = {},
): Promise<Explanations> {
  const { permutations: wanted = 99, seed = 0, progress, stopped } = options;
  const steps = memory[0]?.length ?? 0;
  const permutations = Math.min(wanted, Math.floor(steps / 2));
  if (steps < 10 * QUANTILES.length) {
    throw configError(
      `the text has ${steps} tokens, too few to tell what units respond to; take at least ` +
        `${10 * QUANTILES.length}.`,
      "text",
    );
  }
  const skipped: Record<string, string> = {};
  const tested: Tested[] = [];
  for (const feature of features) {
    const high = highOf(feature);
    const reason = unfit(high);
    if (reason) skipped[feature.name] = reason;
    else tested.push(prepare(feature, high));
  }
  const shifts = [0, ...shiftsOf(kernel, steps, permutations, seed)];
  const counter = new Counter(tested, steps);
  const units = memory.length;
  // [1 + P, U, F]
  const bits = new Float64Array(shifts.length * units * tested.length);
  let listened = performance.now();
  for (let unit = 0; unit < units && !stopped?.(); unit++) {
    const bins = binsOf(memory[unit]!);
    shifts.forEach((shift, p) => {
      counter.information(bins, shift, bits, (p * units + unit) * tested.length);
    });
    if (progress && performance.now() - listened > 50) {
      await progress((unit + 1) / units);
      listened = performance.now();
    }
  }
  return {
    features: tested.map(({ name }) => name),
    skipped,
    best: judge(bits, memory, tested, shifts.length - 1),
  };
}

/** Counts how often each bin of a unit meets each class of every feature, all features at once. */
class Counter {
  /** [T] number of the combination of classes at each step, twice over so that shifts need no end. */
  private readonly combined: Uint16Array | Uint32Array;
  /** [combinations, F] */
  private readonly classes: Int32Array;
  private readonly combinations: number;
  private readonly table: Int32Array;
  private readonly counts: Int32Array;
  /** n log2 n, for the entropies of counts. */
  private readonly logs: Float64Array;

  constructor(
    private readonly tested: Tested[],
    private readonly steps: number,
  ) {
    const numbers = new Map<string, number>();
    const one = Array.from({ length: steps }, (_, t) => {
      const key = tested.map(({ classes }) => classes[t]).join();
      if (!numbers.has(key)) numbers.set(key, numbers.size);
      return numbers.get(key)!;
    });
    this.combinations = Math.max(1, numbers.size);
    const kind = this.combinations < 1 << 16 ? Uint16Array : Uint32Array;
    this.combined = kind.from([...one, ...one]);
    this.classes = Int32Array.from(
      [...numbers.keys()].flatMap((key) => key.split(",").map(Number)),
    );
    this.table = new Int32Array(this.combinations * KINDS);
    const most = Math.max(0, ...tested.map(({ count }) => count));
    this.counts = new Int32Array(most * KINDS);
    this.logs = Float64Array.from({ length: steps + 1 }, (_, n) => (n ? n * Math.log2(n) : 0));
  }

  /** Write the mutual information, in bits, of a unit's bins and each feature shifted round. */
  information(bins: Uint8Array, shift: number, found: Float64Array, at: number): void {
    const { table, steps, combined } = this;
    table.fill(0);
    // Rolled by `shift` to the right: step t meets what stood at t - shift.
    const base = shift ? steps - shift : 0;
    for (let t = 0; t < steps; t++) table[combined[base + t]! * KINDS + bins[t]!]! += 1;
    const features = this.tested.length;
    for (let f = 0; f < features; f++) found[at + f] = this.one(f, features);
  }

  private one(f: number, features: number): number {
    const { counts, table, logs, steps } = this;
    const kinds = this.tested[f]!.count;
    counts.fill(0, 0, kinds * KINDS);
    for (let n = 0, row = 0; n < this.combinations; n++) {
      const first = this.classes[n * features + f]! * KINDS;
      for (let bin = 0; bin < KINDS; bin++) counts[first + bin]! += table[row++]!;
    }
    // I = log2 N + (sum n log2 n - sum r log2 r - sum c log2 c) / N
    let sum = 0;
    for (let k = 0; k < kinds; k++) {
      let row = 0;
      for (let bin = 0; bin < KINDS; bin++) {
        const count = counts[k * KINDS + bin]!;
        sum += logs[count]!;
        row += count;
      }
      sum -= logs[row]!;
    }
    for (let bin = 0; bin < KINDS; bin++) {
      let column = 0;
      for (let k = 0; k < kinds; k++) column += counts[k * KINDS + bin]!;
      sum -= logs[column]!;
    }
    return Math.max(0, Math.log2(steps) + sum / steps);
  }
}

/** Score every pair, correct for all that were looked at (maxT), and take each unit's best. */
function judge(
  bits: Float64Array,
  memory: Float32Array[],
  tested: Tested[],
  permutations: number,
): (Explanation | null)[] {
  const [units, width] = [memory.length, tested.length];
  const pairs = units * width;
  const mean = new Float64Array(pairs);
  const scale = new Float64Array(pairs).fill(Infinity);
  for (let n = 0; n < pairs; n++) {
    let [sum, squares] = [0, 0];
    for (let p = 1; p <= permutations; p++) sum += bits[p * pairs + n]!;
    mean[n] = sum / Math.max(1, permutations);
    for (let p = 1; p <= permutations; p++) squares += (bits[p * pairs + n]! - mean[n]!) ** 2;
    const deviation = Math.sqrt(squares / Math.max(1, permutations));
    if (deviation > 1e-9) scale[n] = deviation;
  }
  const largest = new Float64Array(permutations).fill(-Infinity);
  for (let p = 1; p <= permutations; p++) {
    for (let n = 0; n < pairs; n++) {
      const z = (bits[p * pairs + n]! - mean[n]!) / scale[n]!;
      if (z > largest[p - 1]!) largest[p - 1] = z;
    }
  }
  return memory.map((values, unit) => {
    let [best, score] = [-1, -1];
    for (let f = 0; f < width; f++) {
      const n = unit * width + f;
      const room = Math.max(tested[f]!.entropy - mean[n]!, 1e-12);
      const share = Math.min(1, Math.max(0, (bits[n]! - mean[n]!) / room));
      if (share > score) [best, score] = [f, share];
    }
    if (best < 0) return null;
    const n = unit * width + best;
    const z = (bits[n]! - mean[n]!) / scale[n]!;
    const above = largest.reduce((count, one) => count + Number(one >= z), 0);
    const { name, high } = tested[best]!;
    const [inside, outside] = meansOf(values, high);
    const p = permutations ? (1 + above) / (1 + permutations) : 1;
    return { feature: name, score, bits: bits[n]!, p, inside, outside };
  });
}

function meansOf(values: Float32Array, high: Uint8Array): [number, number] {
  const [sums, counts] = [
    [0, 0],
    [0, 0],
  ];
  values.forEach((value, t) => {
    sums[high[t]!]! += value;
    counts[high[t]!]! += 1;
  });
  return [sums[1]! / Math.max(1, counts[1]!), sums[0]! / Math.max(1, counts[0]!)];
}

function prepare(feature: Feature, high: Uint8Array): Tested {
  let values: ArrayLike<number> = feature.values;
  if (feature.isNumber && new Set(feature.values).size > CLASSES) {
    const sorted = Float64Array.from(feature.values).sort();
    const shares = Array.from({ length: CLASSES - 1 }, (_, k) => (k + 1) / CLASSES);
    const edges = [...new Set(shares.map((share) => quantile(sorted, share)))];
    values = feature.values.map((value) => edges.filter((edge) => edge <= value).length);
  }
  const kinds = [...new Set(Array.from(values))].sort((a, b) => a - b);
  const places = new Map(kinds.map((kind, n) => [kind, n]));
  const classes = Int32Array.from(values, (value) => places.get(value)!);
  const counts = new Float64Array(kinds.length);
  for (const one of classes) counts[one]! += 1;
  const entropy = -counts.reduce((sum, count) => {
    const share = count / classes.length;
    return sum + share * Math.log2(share);
  }, 0);
  return { name: feature.name, classes, count: kinds.length, high, entropy };
}

/** Return where a feature holds, or where a number is above its median. */
function highOf({ values, isNumber }: Feature): Uint8Array {
  const limit = isNumber ? quantile(Float64Array.from(values).sort(), 0.5) : 0;
  return Uint8Array.from(values, (value) => Number(value > limit));
}

/** Return why a feature cannot be tested, or nothing. */
function unfit(high: Uint8Array): string {
  const begins = high.reduce((sum, value, t) => sum + (value & ~high.at(t - 1)! & 1), 0);
  if (begins === 0) return "is the same everywhere in this text";
  return begins < EPISODES ? `begins only ${begins} times in this text` : "";
}

/** As NumPy interpolates. */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const [a, b] = [sorted[below]!, sorted[Math.min(below + 1, sorted.length - 1)]!];
  const rest = place - below;
  return rest < 0.5 ? a + (b - a) * rest : b - (b - a) * (1 - rest);
}

/** Return the bin of each memory among QUANTILES; equal values share one. */
function binsOf(values: Float32Array): Uint8Array {
  const sorted = Float64Array.from(values).sort();
  // NumPy's quantiles of float32 numbers are float32 too.
  const edges = QUANTILES.map((share) => Math.fround(quantile(sorted, share)));
  return Uint8Array.from(values, (value) =>
    edges.reduce((n, edge) => n + Number(value >= edge), 0),
  );
}

/** Return distances to shift a feature by, none of them close to no shift at all. */
function shiftsOf(kernel: Kernel, steps: number, count: number, seed: number): number[] {
  const gap = Math.min(500, Math.floor(steps / 8));
  const order = permutation(kernel, seed, STREAM.evaluate, steps - 2 * gap, 0);
  return [...order.subarray(0, count)].map((place) => place + gap).sort((a, b) => a - b);
}
