/** Which of the kernel's modules this browser runs, found by asking it to validate tiny ones. */

export const MODULES = ["simd", "relaxed", "threads"] as const;
export type ModuleName = (typeof MODULES)[number];

export interface Features {
  simd: boolean;
  /** Fused multiply-add of vectors. Chrome, Edge, Firefox; not Safari. */
  relaxed: boolean;
  /** Shared memory: the page is cross-origin isolated. */
  threads: boolean;
}

const HEADER = [0, 97, 115, 109, 1, 0, 0, 0];
/** (func (result v128)) i32.const 0, i8x16.splat, i8x16.popcnt */
const SIMD = [1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];
/** (func (result v128)) three splats and f32x4.relaxed_madd */
const RELAXED = [
  1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 19, 1, 17, 0, 65, 1, 253, 15, 65, 2, 253, 15, 65, 3, 253,
  15, 253, 133, 2, 11,
];

const validates = (body: number[]): boolean =>
  WebAssembly.validate(new Uint8Array([...HEADER, ...body]));

/** Return what this browser and this page offer. */
export function features(): Features {
  const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated;
  return {
    simd: validates(SIMD),
    relaxed: validates(RELAXED),
    // Outside of browsers there is no isolation to ask for.
    threads: typeof SharedArrayBuffer !== "undefined" && (isolated ?? true),
  };
}

/** Return the fastest module for so many threads, or null where there is not even SIMD. */
export function choose(found: Features, threads: number): ModuleName | null {
  if (!found.simd) return null;
  if (!found.relaxed) return "simd";
  return found.threads && threads > 1 ? "threads" : "relaxed";
}

/** Return how many threads suit this computer: half of its logical processors, at least one. */
export function suitableThreads(found: Features): number {
  const processors = (globalThis.navigator as Navigator | undefined)?.hardwareConcurrency ?? 1;
  if (!found.threads || !found.relaxed) return 1;
  // Two of two: on small machines the page itself needs little. Beyond, twins share a core's FMA.
  return processors <= 2 ? processors : Math.min(8, Math.ceil(processors / 2));
}
