/** The events of a run as the server sends them, through every loss of the connection. */

import type { Stop } from "../place.ts";
import type { RunEvent } from "../types.ts";
import { address } from "./http.ts";

const LOST = "The studio on this computer does not answer; the training goes on without it.";
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;

export function watchRun(
  id: string,
  hear: (events: RunEvent[], anew?: boolean) => void,
  lost?: (why: string | null) => void,
): Stop {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wait = FIRST_WAIT_MS;
  let ended = false;

  function open(): void {
    source = new EventSource(address("/api/runs/{id}/events", id));
    source.onopen = () => {
      wait = FIRST_WAIT_MS;
      lost?.(null);
    };
    source.onmessage = (message) => hear(JSON.parse(message.data as string) as RunEvent[]);
    source.addEventListener("reset", (message) =>
      hear(JSON.parse(message.data as string) as RunEvent[], true),
    );
    source.onerror = () => {
      if (ended) return;
      lost?.(LOST);
      // A dropped connection is opened again by the browser; after a refusal it gives up.
      if (source?.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(open, wait);
      wait = Math.min(2 * wait, LONGEST_WAIT_MS);
    };
  }

  open();
  return () => {
    ended = true;
    clearTimeout(timer);
    source?.close();
  };
}
