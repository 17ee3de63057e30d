/** The kernel in a Worker of this place: its modules are files of the site. */

import { resourceError } from "../../../../kernel/src/errors.ts";
import type { ModuleName } from "../../../../kernel/src/features.ts";
import { Kernel } from "../../../../kernel/src/kernel.ts";
import { workerThreads, type Spawn } from "../../../../kernel/src/pool.ts";
import relaxed from "../../generated/recurra-relaxed.wasm?url";
import simd from "../../generated/recurra-simd.wasm?url";
import threaded from "../../generated/recurra-threads.wasm?url";
import { plan } from "./plan.ts";
import { startWorker } from "./start-worker.ts";

const MODULES: Record<ModuleName, string> = { simd, relaxed, threads: threaded };

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

const spawn: Spawn = workerThreads(() => startWorker("thread"));
