/** Start a Worker of this place: one for each training, one that reads texts and asks models. */

export const startTraining = (): Worker =>
  new Worker(new URL("./training/training.worker.ts", import.meta.url), { type: "module" });

export const startWork = (): Worker =>
  new Worker(new URL("./work/work.worker.ts", import.meta.url), { type: "module" });
