/** The kernel in a Worker of this place: its modules are files of the site. */

import { resourceError } from "../../../../kernel/src/errors.ts";
import {
  choose,
  features,
  suitableThreads,
  type ModuleName,
} from "../../../../kernel/src/features.ts";
import { Kernel } from "../../../../kernel/src/kernel.ts";
import { workerThreads, type Spawn } from "../../../../kernel/src/pool.ts";
import relaxed from "../../generated/recurra-relaxed.wasm?url";
import simd from "../../generated/recurra-simd.wasm?url";
import threaded from "../../generated/recurra-threads.wasm?url";

const MODULES: Record<ModuleName, string> = { simd, relaxed, threads: threaded };

/** Return which module this page runs, and with how many threads. */
export function plan(most = Infinity): { name: ModuleName; threads: number } {
  const found = features();
  const threads = Math.max(1, Math.min(suitableThreads(found), most));
  const name = choose(found, threads);
  if (!name) {
    throw resourceError(
      "this browser does not run WebAssembly SIMD, which the kernel needs; a newer one does.",
    );
  }
  return { name, threads: name === "threads" ? threads : 1 };
}

/** Return how this page computes, in words: "WebAssembly threads, 2 threads". */
export function describeEngine(most?: number): string {
  const { name, threads } = plan(most);
  const what = name === "simd" ? "SIMD" : "relaxed SIMD";
  return `WebAssembly ${what}, ${threads} thread${threads > 1 ? "s" : ""}`;
}

/** Load the kernel into this Worker. */
export async function loadKernel(most?: number): Promise<Kernel> {
  const { name, threads } = plan(most);
  let response: Response;
  try {
    response = await fetch(MODULES[name]);
  } catch {
    throw resourceError(
      "the kernel could not be loaded: the site cannot be reached; go online once.",
    );
  }
  if (!response.ok) {
    throw resourceError(`the kernel could not be loaded: the server answered ${response.status}.`);
  }
  const code = await response.arrayBuffer();
  return Kernel.load(name, code, threads > 1 ? { threads, spawn } : {});
}

// Vite finds a Worker's script only where its address stands in the constructor itself.
const spawn: Spawn = workerThreads(
  () =>
    new Worker(new URL("../../../../kernel/src/thread.worker.ts", import.meta.url), {
      type: "module",
    }),
);
