/** Start a Worker of this place. */

/** One for each training, one that reads texts and asks models, and the kernel's threads of each. */
export type WorkerName = "training" | "work" | "thread";

export const startWorker = (name: WorkerName): Worker =>
  // Vite finds a Worker's script only where its address stands in the constructor itself.
  new Worker(new URL("./place.worker.ts", import.meta.url), { type: "module", name });
