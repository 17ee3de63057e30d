/**
 * A split of a text, cut into the windows that a step learns from, by the rules of
 * tasks/text/windows.py: the same text and options give the same batches in Python and here.
 */

import { configError } from "./errors.ts";
import { STREAM } from "./initialise.ts";
import type { Kernel } from "./kernel.ts";
import type { Batch } from "./contract.ts";
import type { Tokens } from "./vocabulary.ts";

export interface Window {
  batch: Batch;
  /** Whether the state goes on from the window before. */
  carries: boolean;
  /** Tokens that are learned from. */
  tokens: number;
}

/** What a training reads windows from. */
export interface Windows {
  /** Sequences side by side. */
  readonly batch: number;
  /** Windows in one epoch. */
  readonly count: number;
  /** Return window n, counted from the first epoch's first: a pure function of n. */
  at(n: number): Window;
}

/** Windows from one start of `Streams` at the state zero to the next. */
const COLD_EVERY = 32;
/** Windows that `LastPosition` shuffles at once. */
const SEGMENT = 1 << 22;

export interface StreamOptions {
  batch: number;
  window: number;
  /** Increasing positions before which the state is zero. */
  resets?: ArrayLike<number>;
  /** At most this many positions are read, spread evenly. */
  limit?: number;
  what?: string;
}

/**
 * Contiguous streams side by side, read from left to right, the state carried.
 *
 * The N - 1 positions go to streams whose lengths differ by at most one. A last window shorter than
 * half a window is joined to the one before it. An epoch starts from the state zero, and so does
 * every 32nd window: whoever generates starts there.
 */
export class Streams implements Windows {
  readonly batch: number;
  readonly count: number;
  readonly window: number;
  private readonly starts: number[];
  private readonly lengths: number[];
  private readonly longest: number;
  private readonly resets: ArrayLike<number>;

  constructor(
    private readonly tokens: Tokens,
    options: StreamOptions,
  ) {
    const positions = tokens.length - 1;
    if (positions < 1) {
      throw configError(
        `the ${options.what ?? "training"} split has ${tokens.length} tokens, but at least 2 are ` +
          "needed; give more text or set that share to 0.",
      );
    }
    this.resets = options.resets ?? [];
    this.batch = Math.max(1, Math.min(options.batch, Math.floor(positions / options.window)));
    const edges = Array.from({ length: this.batch + 1 }, (_, k) =>
      Math.floor((k * positions) / this.batch),
    );
    this.starts = edges.slice(0, -1);
    this.lengths = this.starts.map((start, k) => edges[k + 1]! - start);
    if (options.limit !== undefined) {
      const most = Math.max(1, Math.floor(options.limit / this.batch));
      this.lengths = this.lengths.map((length) => Math.min(length, most));
    }
    this.longest = Math.max(...this.lengths);
    this.window = Math.min(options.window, this.longest);
    this.count = Math.max(
      1,
      Math.floor((this.longest + Math.floor(this.window / 2)) / this.window),
    );
  }

  /** Positions that all windows together read. */
  get positions(): number {
    return this.lengths.reduce((sum, length) => sum + length, 0);
  }

  at(n: number): Window {
    const place = n % this.count;
    const first = place * this.window;
    const last = place === this.count - 1 ? this.longest : first + this.window;
    const [time, size] = [last - first, (last - first) * this.batch];
    const [inputs, targets] = [new Int32Array(size), new Int32Array(size)];
    const weights = new Float32Array(size);
    const highest = this.tokens.length - 1;
    let counted = 0;
    for (let t = 0, row = 0; t < time; t++) {
      for (let b = 0; b < this.batch; b++, row++) {
        // Only a stream that is one position short reaches past the split; it weighs nothing there.
        const at = this.starts[b]! + first + t;
        inputs[row] = this.tokens[Math.min(at, highest)]!;
        targets[row] = this.tokens[Math.min(at + 1, highest)]!;
        weights[row] = Number(first + t < this.lengths[b]!);
        counted += weights[row]!;
      }
    }
    const starts = this.starts.map((start) => start + first);
    return {
      batch: {
        time,
        batch: this.batch,
        inputs,
        targets,
        weights: counted === size ? undefined : weights,
        resets: marks(this.resets, starts, time),
      },
      carries: place % COLD_EVERY > 0,
      tokens: counted,
    };
  }
}

export interface LastPositionOptions extends StreamOptions {
  /** Tokens between the starts of neighbouring windows. */
  stride: number;
  /** Of the order. */
  seed: number | bigint;
}

/**
 * Overlapping windows in random order, of which only what follows the last token is learned. Every
 * epoch has an order of its own, and no state is carried.
 */
export class LastPosition implements Windows {
  readonly batch: number;
  readonly count: number;
  private readonly windows: number;
  private readonly orders = new Map<string, Float64Array>();

  constructor(
    private readonly kernel: Kernel,
    private readonly tokens: Tokens,
    private readonly options: LastPositionOptions,
  ) {
    const { window, stride, batch, what } = options;
    if (tokens.length < window + 1) {
      throw configError(
        `the ${what ?? "training"} split has ${tokens.length} tokens, but a window of ${window} ` +
          `needs ${window + 1}; take a smaller window or more text.`,
        "window",
      );
    }
    this.windows = Math.floor((tokens.length - 1 - window) / stride) + 1;
    this.batch = Math.min(batch, this.windows);
    this.count = Math.ceil(this.windows / this.batch);
  }

  at(n: number): Window {
    const { window, stride } = this.options;
    const [epoch, place] = [Math.floor(n / this.count), n % this.count];
    const starts: number[] = [];
    let real = 0;
    const weights = new Float32Array(window * this.batch);
    for (let b = 0; b < this.batch; b++) {
      let rank = place * this.batch + b;
      if (rank < this.windows) {
        weights[(window - 1) * this.batch + b] = 1;
        real += 1;
      }
      rank = Math.min(rank, this.windows - 1);
      const segment = Math.floor(rank / SEGMENT);
      starts.push(this.order(epoch, segment)[rank - segment * SEGMENT]! * stride);
    }
    const [inputs, targets] = [new Int32Array(weights.length), new Int32Array(weights.length)];
    for (let t = 0, row = 0; t < window; t++) {
      for (let b = 0; b < this.batch; b++, row++) {
        inputs[row] = this.tokens[starts[b]! + t]!;
        targets[row] = this.tokens[starts[b]! + t + 1]!;
      }
    }
    const resets = marks(this.options.resets ?? [], starts, window);
    const batch: Batch = { time: window, batch: this.batch, inputs, targets, weights, resets };
    return { batch, carries: false, tokens: window * real };
  }

  private order(epoch: number, segment: number): Float64Array {
    const key = `${epoch}/${segment}`;
    const known = this.orders.get(key);
    if (known) return known;
    const first = segment * SEGMENT;
    const size = Math.min(SEGMENT, this.windows - first);
    const lane = epoch * Math.ceil(this.windows / SEGMENT) + segment;
    const order = permutation(this.kernel, this.options.seed, STREAM.shuffle, size, lane);
    for (let k = 0; k < size; k++) order[k]! += first;
    if (this.orders.size > 1) this.orders.delete(this.orders.keys().next().value!);
    this.orders.set(key, order);
    return order;
  }
}

/** Return a random order of 0 .. count-1: the stable argsort of `count` words. */
export function permutation(
  kernel: Kernel,
  seed: number | bigint,
  stream: number,
  count: number,
  lane: number,
): Float64Array {
  const words = kernel.words(seed, stream, count, 0, lane);
  const order = Float64Array.from(words, (_, n) => n);
  return order.sort((a, b) => (words[a]! < words[b]! ? -1 : words[a]! > words[b]! ? 1 : a - b));
}

/** Return [time, B]: which positions of windows at `starts` are resets; undefined when none is. */
function marks(resets: ArrayLike<number>, starts: number[], time: number): Uint8Array | undefined {
  if (!resets.length) return undefined;
  const found = new Uint8Array(time * starts.length);
  let any = false;
  starts.forEach((start, b) => {
    for (let k = lowerBound(resets, start); k < resets.length && resets[k]! < start + time; k++) {
      found[(resets[k]! - start) * starts.length + b] = 1;
      any = true;
    }
  });
  return any ? found : undefined;
}

/** Return the first place whose value is not below `wanted`. */
function lowerBound(values: ArrayLike<number>, wanted: number): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
