/**
 * The WebAssembly module, bound: its functions with their types, its memory, its threads.
 *
 * Integers of 64 bits are bigints at this border and numbers everywhere above it.
 */

import { configError, resourceError, RecurraError, shapeError } from "./errors.ts";
import type { ModuleName } from "./features.ts";
import { ABI, JOB_BYTES, writeJob, type JobValues } from "./job.ts";
import { Arena } from "./memory.ts";
import { THREAD_STACK_BYTES, type Spawn, type Thread } from "./pool.ts";

interface Exports {
  __heap_base: WebAssembly.Global;
  recurra_abi(): bigint;
  recurra_job_size(): bigint;
  recurra_lanes(): bigint;
  recurra_parameters(description: number, length: bigint, table: number): bigint;
  recurra_packed_size(description: number, length: bigint): bigint;
  recurra_workspace_size(job: number): bigint;
  recurra_run(job: number): bigint;
  recurra_pool_size(threads: bigint): bigint;
  recurra_pool_start(memory: number, threads: bigint): bigint;
  recurra_pool_stop(memory: number): void;
  recurra_words(
    seed: bigint,
    stream: bigint,
    index: bigint,
    lane: bigint,
    count: bigint,
    words: number,
  ): void;
}

/** As MEMORY_PAGES in src/recurra/kernel/build_wasm.py. */
const SHARED_PAGES = 1 << 15;
const FIRST_PAGES = 64;

/** Return a kernel function's result as a number, or throw what its refusal means. */
export function accept(result: bigint): number {
  if (result >= 0n) return Number(result);
  throw refusal(Number(result));
}

function refusal(code: number): RecurraError {
  switch (code) {
    case -1:
      return resourceError("the kernel's module is of another version than this page; reload it.");
    case -3:
      return shapeError("the window is empty or larger than the kernel's 2^26 positions.");
    case -4:
      return resourceError("the kernel was given too little memory.");
    case -5:
      return shapeError("a token or a target is outside the vocabulary.");
    case -6:
      return configError("the kernel does not know this option.");
    default:
      return configError("the kernel does not run this network.");
  }
}

export interface KernelOptions {
  /** Threads in all; more than one needs the `threads` module and a way to start Workers. */
  threads?: number;
  spawn?: Spawn;
}

/** A module at work. One job at a time; not for a page's main thread when it has threads. */
export class Kernel {
  readonly arena: Arena;
  readonly lanes: number;
  /** Threads in all, the caller's included. */
  threads = 1;
  private readonly job: number;
  private pool = 0;
  private readonly others: Thread[] = [];
  private workspace = 0;
  /** Bytes of the workspace, which stays from job to job and grows with the largest. */
  workspaceBytes = 0;

  private constructor(
    readonly name: ModuleName,
    private readonly module: WebAssembly.Module,
    private readonly memory: WebAssembly.Memory,
    readonly functions: Exports,
  ) {
    this.arena = new Arena(memory, Number(functions.__heap_base.value));
    if (Number(functions.recurra_abi()) !== ABI) throw refusal(-1);
    if (Number(functions.recurra_job_size()) !== JOB_BYTES) throw refusal(-1);
    this.lanes = Number(functions.recurra_lanes());
    this.job = this.arena.allocate(JOB_BYTES);
  }

  /**
   * Compile a module and prepare it.
   *
   * Throws a RecurraError where the module is of another version, and a CompileError where this
   * browser does not know its instructions: choose the module by `features` first.
   */
  static async load(
    name: ModuleName,
    code: BufferSource | WebAssembly.Module,
    options: KernelOptions = {},
  ): Promise<Kernel> {
    const module = code instanceof WebAssembly.Module ? code : await WebAssembly.compile(code);
    const memory = new WebAssembly.Memory(
      name === "threads"
        ? { initial: FIRST_PAGES, maximum: SHARED_PAGES, shared: true }
        : { initial: FIRST_PAGES },
    );
    const instance = await WebAssembly.instantiate(module, { env: { memory } });
    const kernel = new Kernel(name, module, memory, instance.exports as unknown as Exports);
    await kernel.start(options);
    return kernel;
  }

  private async start({ threads = 1, spawn }: KernelOptions): Promise<void> {
    if (threads === 1 || this.name !== "threads" || !spawn) return;
    this.pool = this.arena.allocate(accept(this.functions.recurra_pool_size(BigInt(threads))));
    this.threads = accept(this.functions.recurra_pool_start(this.pool, BigInt(threads)));
    for (let number = 1; number < this.threads; number++) {
      const stack = this.arena.allocate(THREAD_STACK_BYTES) + THREAD_STACK_BYTES;
      const { module, memory, pool } = this;
      this.others.push(spawn({ module, memory, pool, number, stack }));
    }
    await Promise.all(this.others.map((thread) => thread.ready));
  }

  /**
   * Do a job with as many threads as suit it; `workspace`, `pool` and `threads` are filled in.
   *
   * Returns what `recurra_run` does. Throws a RecurraError when the kernel refuses.
   */
  run(values: JobValues, batch: number): number {
    const threads = Math.min(this.threads, batch);
    const write = (more: JobValues): void =>
      writeJob(this.arena.view(), this.job, { abi: ABI, ...values, batch, threads, ...more });
    write({});
    const bytes = accept(this.functions.recurra_workspace_size(this.job));
    if (bytes > this.workspaceBytes) {
      this.arena.free(this.workspace);
      this.workspace = this.workspaceBytes = 0;
      this.workspace = this.arena.allocate(bytes);
      this.workspaceBytes = bytes;
    }
    const pool = threads > 1 ? this.pool : 0;
    write({ workspace: this.workspace, workspace_bytes: this.workspaceBytes, pool });
    return accept(this.functions.recurra_run(this.job));
  }

  /** Return `count` 64-bit words of the shared generator, as `words` of core/random.py. */
  words(seed: bigint | number, stream: number, count: number, index = 0, lane = 0): BigUint64Array {
    const at = this.arena.allocate(8 * count);
    const signed = BigInt.asIntN(64, BigInt(seed));
    this.functions.recurra_words(
      signed,
      BigInt(stream),
      BigInt(index),
      BigInt(lane),
      BigInt(count),
      at,
    );
    const words = new BigUint64Array(this.memory.buffer, at, count).slice();
    this.arena.free(at);
    return words;
  }

  /** Return numbers uniform in [0, 1), each from the upper 53 bits of one word. */
  uniforms(
    seed: bigint | number,
    stream: number,
    count: number,
    index = 0,
    lane = 0,
  ): Float64Array {
    const words = new Uint32Array(this.words(seed, stream, count, index, lane).buffer);
    const found = new Float64Array(count);
    for (let n = 0; n < count; n++) {
      // 32 bits above, 21 below: exact in a float64.
      found[n] = (words[2 * n + 1]! * 2 ** 21 + (words[2 * n]! >>> 11)) * 2 ** -53;
    }
    return found;
  }

  /** End the threads. The kernel is of no use afterwards. */
  close(): void {
    if (this.pool && this.others.length) this.functions.recurra_pool_stop(this.pool);
    for (const thread of this.others.splice(0)) thread.terminate();
    this.threads = 1;
  }
}
