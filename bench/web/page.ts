/** What run.py calls: window.bench. The same page a person with a GPU can open by hand. */
import type { Ask } from "./ours.worker.ts";
import * as theirs from "./theirs.ts";

const workers = new Map<string, Worker>();

function ours(ask: Ask): Promise<number> {
  const key = `${ask.module} ${ask.threads}`;
  let worker = workers.get(key);
  if (!worker) workers.set(key, (worker = new Worker("ours.worker.js", { type: "module" })));
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<{ rate: number; error?: string }>) =>
      data.error ? reject(new Error(data.error)) : resolve(data.rate);
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage(ask);
  });
}

Object.assign(window, { bench: { ours, theirs } });
