/** The script of a thread's Worker: serve the pool, and nothing else. */

import { serve, type ThreadStart } from "./pool.ts";

const begin = ({ data }: MessageEvent<ThreadStart>): void => {
  postMessage("ready");
  serve(data);
};
addEventListener("message", begin, { once: true });
