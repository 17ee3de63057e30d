/** How this page computes: with which of the kernel's modules, on how many threads. */

import { resourceError } from "../../../../kernel/src/errors.ts";
import {
  choose,
  features,
  suitableThreads,
  type ModuleName,
} from "../../../../kernel/src/features.ts";

/**
 * Return which module this page runs, and with how many threads. It is one for all Workers, the
 * one that writes with a single thread as well, so that it is loaded once.
 */
export function plan(most = Infinity): { name: ModuleName; threads: number } {
  const found = features();
  const suitable = suitableThreads(found);
  const name = choose(found, suitable);
  if (!name) {
    throw resourceError(
      "this browser does not run WebAssembly SIMD, which the kernel needs; a newer one does.",
    );
  }
  return { name, threads: name === "threads" ? Math.min(suitable, most) : 1 };
}

/** Return how this page computes, in words: "WebAssembly threads, 2 threads". */
export function describeEngine(most?: number): string {
  const { name, threads } = plan(most);
  const what = name === "simd" ? "SIMD" : "relaxed SIMD";
  return `WebAssembly ${what}, ${threads} thread${threads > 1 ? "s" : ""}`;
}
