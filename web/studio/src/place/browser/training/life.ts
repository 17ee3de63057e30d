/** The life of a run's Worker: hold the run's lock, train, and end. */

import { loadKernel } from "../kernel.ts";
import { lockOf } from "./channel.ts";
import { Session } from "./session.ts";

/** How long a new Worker waits for one that is just ending. */
const WAIT_MS = 3000;

export type Told = { kind: "held" } | { kind: "busy" } | { kind: "ended" };

const tell = (message: Told): void => postMessage(message);

/** Be the Worker of a run, which the first message names. */
export function live(): void {
  addEventListener("message", ({ data: run }: MessageEvent<string>) => void train(run), {
    once: true,
  });
}

async function train(run: string): Promise<void> {
  // The kernel loads while the lock is waited for.
  const kernel = loadKernel();
  kernel.catch(() => undefined); // told where it is awaited
  const signal = AbortSignal.timeout(WAIT_MS);
  let held = false;
  try {
    await navigator.locks.request(lockOf(run), { signal }, async () => {
      held = true;
      await Session.run(
        run,
        () => kernel,
        () => tell({ kind: "held" }),
      );
    });
  } catch (error) {
    if (held) {
      console.error(error);
      tell({ kind: "held" }); // nobody waits for one that could not begin
    }
  }
  tell({ kind: held ? "ended" : "busy" });
  close();
}
