/** The arrays that one job of the kernel reads and writes, in its memory. */

import type { Kernel } from "./kernel.ts";

/** Arrays that are given back all at once, when the job is done. */
export class JobArrays {
  private readonly held: number[] = [];

  constructor(private readonly kernel: Kernel) {}

  bytes(count: number): number {
    const at = this.kernel.arena.allocate(count);
    this.held.push(at);
    return at;
  }

  floats(count: number): number {
    return this.bytes(4 * count);
  }

  doubles(count: number): number {
    return this.bytes(8 * count);
  }

  putFloats(values: ArrayLike<number>): number {
    const at = this.floats(values.length);
    this.kernel.arena.floats(at, values.length).set(values);
    return at;
  }

  putLongs(values: ArrayLike<number>): number {
    const at = this.bytes(8 * values.length);
    this.kernel.arena.writeLongs(at, values);
    return at;
  }

  putBytes(values: Uint8Array): number {
    const at = this.bytes(values.length);
    this.kernel.arena.bytes(at, values.length).set(values);
    return at;
  }

  free(): void {
    for (const at of this.held.splice(0)) this.kernel.arena.free(at);
  }
}
