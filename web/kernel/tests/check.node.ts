// node check.node.mjs GOLDEN FOLDER MODULE THREADS: print the results as JSON.
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { ModuleName } from "../src/features.ts";
import { Kernel } from "../src/kernel.ts";
import { JOB_FIELDS } from "../src/job.ts";
import type { Thread, ThreadStart } from "../src/pool.ts";
import { checkAll, type Golden } from "./check.ts";

const [golden, folder, module, threads] = process.argv.slice(2) as [
  string,
  string,
  ModuleName,
  string,
];
const spawn = (start: ThreadStart): Thread => {
  const worker = new Worker(new URL("./thread.node.mjs", import.meta.url));
  worker.postMessage(start);
  const ready = new Promise<void>((resolve) => worker.once("message", () => resolve()));
  return { ready, terminate: () => void worker.terminate() };
};
const kernel = await Kernel.load(module, readFileSync(`${folder}/recurra-${module}.wasm`), {
  threads: Number(threads),
  spawn,
});
const cases = JSON.parse(readFileSync(golden, "utf8")) as Golden;
const results = checkAll(kernel, cases);
const report = { results, threads: kernel.threads, lanes: kernel.lanes, fields: JOB_FIELDS };
kernel.close();
process.stdout.write(
  JSON.stringify(report, (_, value: unknown) => (value === Infinity ? "inf" : value)),
);
