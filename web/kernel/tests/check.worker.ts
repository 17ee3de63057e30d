/** The golden cases in a browser's Worker: told a module, a number of threads and where the cases lie. */
import type { ModuleName } from "../src/features.ts";
import { Kernel } from "../src/kernel.ts";
import { workerThreads } from "../src/pool.ts";
import { checkAll, type Golden } from "./check.ts";

interface Ask {
  module: ModuleName;
  threads: number;
  golden: string;
}

addEventListener("message", ({ data }: MessageEvent<Ask>) => {
  void (async () => {
    const code = await (await fetch(`recurra-${data.module}.wasm`)).arrayBuffer();
    const golden = (await (await fetch(data.golden)).json()) as Golden;
    const spawn = workerThreads("thread.worker.js");
    const kernel = await Kernel.load(data.module, code, { threads: data.threads, spawn });
    // No more waiting from here on: threads that were not ready now never would be.
    const results = checkAll(kernel, golden);
    postMessage({ results, threads: kernel.threads });
    kernel.close();
  })().catch((error: Error) => postMessage({ error: error.stack }));
});
