/** The kernel's threads: Workers that hold an instance of the module over one shared memory. */

import { resourceError } from "./errors.ts";

/** What a thread's Worker is told first. */
export interface ThreadStart {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** Address of the pool; this thread's number, from 1; end of its stack. */
  pool: number;
  number: number;
  stack: number;
}

export interface Thread {
  /**
   * Settled when the Worker runs. It must be awaited: a browser loads a Worker's script in the event
   * loop of whoever starts it, so a job begun before that would wait for ever.
   */
  ready: Promise<void>;
  terminate(): void;
}

/** Starts a Worker that passes `start` to `serve`. */
export type Spawn = (start: ThreadStart) => Thread;

/**
 * Return how a browser starts threads: Workers of the script thread.worker.js at this address, or
 * what a function makes of that script.
 */
export function workerThreads(script: string | (() => Worker)): Spawn {
  return (start) => {
    const worker = typeof script === "string" ? new Worker(script, { type: "module" }) : script();
    const ready = new Promise<void>((resolve, reject) => {
      worker.onmessage = () => resolve();
      worker.onerror = (event) =>
        reject(
          resourceError(
            `a thread's script could not be run: ${event.message || "it was not found"}.`,
          ),
        );
    });
    worker.postMessage(start);
    return { ready, terminate: () => worker.terminate() };
  };
}

export const THREAD_STACK_BYTES = 1 << 18;

/** Be a thread's Worker: its whole life begins with the message that says where. */
export function beThread(): void {
  const begin = ({ data }: MessageEvent<ThreadStart>): void => {
    postMessage("ready");
    serve(data);
  };
  addEventListener("message", begin, { once: true });
}

/** Serve the pool until it is stopped. */
export function serve(start: ThreadStart): void {
  const instance = new WebAssembly.Instance(start.module, { env: { memory: start.memory } });
  const exports = instance.exports as unknown as {
    __stack_pointer: WebAssembly.Global;
    recurra_pool_serve(pool: number, number: bigint): void;
  };
  exports.__stack_pointer.value = start.stack;
  exports.recurra_pool_serve(start.pool, BigInt(start.number));
}
