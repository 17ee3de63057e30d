import { parentPort } from "node:worker_threads";
import { serve, type ThreadStart } from "../src/pool.ts";

parentPort!.once("message", (start: ThreadStart) => {
  parentPort!.postMessage("ready");
  serve(start);
});
