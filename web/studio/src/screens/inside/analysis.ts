/** Questions to a trace that need no model: which units are on in a passage, what is alike, who forgets. */

import type { TraceAnswer, UnitFacts } from "../../place/types.ts";

export interface UnitName {
  layer: number;
  unit: number;
}

/** Values of one kind ("c", "h", "f", ...) of one unit at each token, start token first. */
export function seriesOf(
  trace: TraceAnswer,
  kind: string,
  { layer, unit }: UnitName,
): Float32Array | null {
  const values = trace.layers[layer]?.[kind];
  const size = trace.sizes[layer];
  if (!values || size === undefined || unit >= size) return null;
  const times = values.length / size;
  const series = new Float32Array(times);
  for (let n = 0; n < times; n++) series[n] = values[n * size + unit]!;
  return series;
}

/** Steps after which a forget gate of `gate` keeps half: ln ½ / ln f. Infinity for one that never closes. */
export function halfLife(gate: number): number {
  if (gate >= 1) return Infinity;
  return gate <= 0 ? 0 : Math.log(0.5) / Math.log(gate);
}

/** The kind that is a unit's memory: the cell state, or the hidden state where there is none. */
export function memoryOf(trace: TraceAnswer): "c" | "h" {
  return trace.layers[0]?.["c"] ? "c" : "h";
}

export interface PassageUnit extends UnitName {
  /** Means in the passage and in the rest of the text. */
  inside: number;
  outside: number;
  /** Their difference in standard deviations of the whole text. */
  effect: number;
}

/** Units whose memory differs most between rows `from` to `to` and the rest, strongest first. */
export function unitsOn(trace: TraceAnswer, from: number, to: number, most = 12): PassageUnit[] {
  const kind = memoryOf(trace);
  const found: PassageUnit[] = [];
  trace.sizes.forEach((size, layer) => {
    const values = trace.layers[layer]?.[kind];
    if (!values) return;
    const times = values.length / size;
    const [here, rest] = [to - from, times - 1 - (to - from)];
    if (here < 1 || rest < 1) return;
    for (let unit = 0; unit < size; unit++) {
      let [sum, square, inside] = [0, 0, 0];
      for (let n = 1; n < times; n++) {
        const value = values[n * size + unit]!;
        sum += value;
        square += value * value;
        if (n >= from && n < to) inside += value;
      }
      const mean = sum / (times - 1);
      const spread = Math.sqrt(Math.max(0, square / (times - 1) - mean * mean));
      if (!(spread > 1e-6)) continue;
      const [a, b] = [inside / here, (sum - inside) / rest];
      found.push({ layer, unit, inside: a, outside: b, effect: (a - b) / spread });
    }
  });
  return found.sort((a, b) => Math.abs(b.effect) - Math.abs(a.effect)).slice(0, most);
}

export interface Alike {
  /** Rows of the trace. */
  from: number;
  to: number;
  /** Cosine of the mean hidden states, each unit standardised over the text; from -1 to 1. */
  similarity: number;
}

/**
 * Passages as long as rows `from` to `to` whose mean hidden state is most like theirs.
 *
 * Passages that overlap the selected one or a better one are left out. Cost: times · units.
 */
export function passagesLike(trace: TraceAnswer, from: number, to: number, most = 8): Alike[] {
  const long = to - from;
  const states = standardised(trace);
  const { times, units, values } = states;
  if (long < 1 || times - 1 < 2 * long) return [];
  const query = new Float64Array(units);
  for (let n = from; n < to; n++) {
    for (let u = 0; u < units; u++) query[u]! += values[n * units + u]!;
  }
  const size = Math.hypot(...query);
  const sum = new Float64Array(units);
  const scored: Alike[] = [];
  for (let n = 1; n < times; n++) {
    let [dot, norm] = [0, 0];
    for (let u = 0; u < units; u++) {
      const gone = n - long >= 1 ? values[(n - long) * units + u]! : 0;
      const now = (sum[u]! += values[n * units + u]! - gone);
      dot += now * query[u]!;
      norm += now * now;
    }
    const start = n - long + 1;
    if (start < 1 || (start < to && n + 1 > from)) continue;
    const similarity = dot / (Math.sqrt(norm) * size || 1);
    scored.push({ from: start, to: n + 1, similarity });
  }
  scored.sort((a, b) => b.similarity - a.similarity);
  const chosen: Alike[] = [];
  for (const one of scored) {
    if (chosen.length === most) break;
    if (chosen.every((other) => one.to <= other.from || one.from >= other.to)) chosen.push(one);
  }
  return chosen;
}

/** Hidden states of all layers, [times, units], each unit with mean 0 and variance 1 over the text. */
function standardised(trace: TraceAnswer): { times: number; units: number; values: Float32Array } {
  const units = trace.sizes.reduce((sum, size) => sum + size, 0);
  const times = trace.tokens.length;
  const values = new Float32Array(times * units);
  let column = 0;
  trace.sizes.forEach((size, layer) => {
    const states = trace.layers[layer]?.["h"];
    for (let unit = 0; states && unit < size; unit++) {
      const [mean, spread] = spreadOf(states, unit, size);
      if (!(spread > 1e-6)) continue;
      for (let n = 1; n < times; n++) {
        values[n * units + column + unit] = (states[n * size + unit]! - mean) / spread;
      }
    }
    column += size;
  });
  return { times, units, values };
}

/** Units that answer to all words: "1:115", "layer 0", parts of what they respond to. */
export function searchUnits<T extends UnitFacts>(units: readonly T[], words: string): T[] {
  const parts = words
    .toLowerCase()
    .replace(/layer\s+(\d+)/g, "$1:")
    .split(/\s+/)
    .filter(Boolean);
  return units.filter((one) => {
    const name = `${one.layer}:${one.unit}`;
    const about = (one.feature ?? "").toLowerCase();
    return parts.every((part) =>
      /^\d+:\d*$/.test(part) ? name.startsWith(part) : about.includes(part),
    );
  });
}

/** Upper edges of the classes of half-lives, in tokens; the last class is open. */
export const EDGES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512] as const;

/** How many units of a layer have a half-life in each class of `EDGES`, and how many above them all. */
export function histogram(units: readonly UnitFacts[], layer: number): number[] {
  const counts = new Array<number>(EDGES.length + 1).fill(0);
  for (const one of units) {
    if (one.layer !== layer || (one.mean_forget === null && one.half_life === null)) continue;
    const life = one.half_life ?? Infinity;
    const place = EDGES.findIndex((edge) => life < edge);
    counts[place < 0 ? EDGES.length : place]!++;
  }
  return counts;
}

/** Mean and standard deviation of one unit over the text, without the start token. */
export function spreadOf(values: Float32Array, unit: number, size: number): [number, number] {
  const times = values.length / size;
  let [sum, square] = [0, 0];
  for (let n = 1; n < times; n++) {
    const value = values[n * size + unit]!;
    sum += value;
    square += value * value;
  }
  const mean = sum / (times - 1);
  return [mean, Math.sqrt(Math.max(0, square / (times - 1) - mean * mean))];
}

/** The distance from zero that a colour scale has to reach: that of all but one number in `rare`. */
export function reachOf(values: Float32Array, rare = 200): number {
  const sizes = Float32Array.from(values, Math.abs).sort();
  return Math.max(1e-3, sizes[Math.floor((1 - 1 / rare) * (sizes.length - 1))] ?? 1);
}

/** Places of a text where a pattern matches, as characters from and to. Throws what `RegExp` throws. */
export function matches(text: string, pattern: string, most = 5000): [number, number][] {
  const found: [number, number][] = [];
  for (const match of text.matchAll(new RegExp(pattern, "gmu"))) {
    if (match[0].length) found.push([match.index, match.index + match[0].length]);
    if (found.length >= most) break;
  }
  return found;
}
