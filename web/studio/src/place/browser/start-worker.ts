/** Start a Worker of this place. */

export const startWorker = (name: "training" | "work"): Worker =>
  new Worker(new URL("./place.worker.ts", import.meta.url), { type: "module", name });
