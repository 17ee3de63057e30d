/** The module's memory: who holds which bytes, and typed views of them. */

import { resourceError } from "./errors.ts";

/** Addresses are multiples of a cache line, as vectors like them. */
const LINE = 64;
const PAGE = 65536;

interface Hole {
  at: number;
  size: number;
}

/**
 * First-fit allocation above the module's own data. The kernel allocates nothing: all that it
 * works on is asked for here, and a caller keeps an address for as long as it likes.
 */
export class Arena {
  private readonly holes: Hole[] = [];
  private readonly held = new Map<number, number>();
  private end: number;

  constructor(
    readonly memory: WebAssembly.Memory,
    base: number,
  ) {
    this.end = Math.ceil(base / LINE) * LINE;
  }

  /** Bytes that are held now. */
  get used(): number {
    let sum = 0;
    for (const size of this.held.values()) sum += size;
    return sum;
  }

  /** Return the address of `bytes` bytes, all zero. Raises ResourceError when there are none. */
  allocate(bytes: number): number {
    const size = Math.max(LINE, Math.ceil(bytes / LINE) * LINE);
    const place = this.holes.findIndex((hole) => hole.size >= size);
    let at: number;
    const hole = this.holes[place];
    if (hole) {
      at = hole.at;
      hole.at += size;
      hole.size -= size;
      if (hole.size === 0) this.holes.splice(place, 1);
    } else {
      at = this.end;
      this.grow(at + size);
      this.end = at + size;
    }
    this.held.set(at, size);
    new Uint8Array(this.memory.buffer, at, size).fill(0);
    return at;
  }

  /** Give back what `allocate` returned; 0 is nothing. */
  free(at: number): void {
    if (at === 0) return;
    const size = this.held.get(at);
    if (size === undefined) throw new TypeError(`nothing is held at ${at}`);
    this.held.delete(at);
    const after = this.holes.findIndex((hole) => hole.at > at);
    this.holes.splice(after < 0 ? this.holes.length : after, 0, { at, size });
    for (let k = this.holes.length - 1; k > 0; k--) {
      const [left, right] = [this.holes[k - 1]!, this.holes[k]!];
      if (left.at + left.size !== right.at) continue;
      left.size += right.size;
      this.holes.splice(k, 1);
    }
    const last = this.holes.at(-1);
    if (last && last.at + last.size === this.end) {
      this.end = last.at;
      this.holes.pop();
    }
  }

  private grow(bytes: number): void {
    const missing = bytes - this.memory.buffer.byteLength;
    if (missing <= 0) return;
    try {
      this.memory.grow(Math.ceil(missing / PAGE));
    } catch {
      throw resourceError(
        `the browser gives no more than ${this.memory.buffer.byteLength >> 20} MB of memory, but ` +
          `${Math.ceil(bytes / 2 ** 20)} MB are needed; take a smaller network, batch or window.`,
      );
    }
  }

  // Views end when the memory grows: make them anew after every allocation.

  floats(at: number, count: number): Float32Array {
    return new Float32Array(this.memory.buffer, at, count);
  }

  doubles(at: number, count: number): Float64Array {
    return new Float64Array(this.memory.buffer, at, count);
  }

  bytes(at: number, count: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, at, count);
  }

  longs(at: number, count: number): BigInt64Array {
    return new BigInt64Array(this.memory.buffer, at, count);
  }

  /** Write whole numbers of 32 bits or less as int64. */
  writeLongs(at: number, values: ArrayLike<number>): void {
    const halves = new Int32Array(this.memory.buffer, at, 2 * values.length);
    for (let n = 0; n < values.length; n++) {
      halves[2 * n] = values[n]!;
      halves[2 * n + 1] = 0;
    }
  }

  /** Read int64 numbers that fit 32 bits. */
  readLongs(at: number, count: number): Int32Array {
    const halves = new Int32Array(this.memory.buffer, at, 2 * count);
    const values = new Int32Array(count);
    for (let n = 0; n < count; n++) values[n] = halves[2 * n]!;
    return values;
  }

  view(): DataView {
    return new DataView(this.memory.buffer);
  }
}
