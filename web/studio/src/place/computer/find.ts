/** Whether a studio answers on this computer. The place itself is loaded only where one does. */

import type { Place } from "../place.ts";

/** The place, or null where no such application answers (a static site). */
export async function findComputerPlace(): Promise<Place | null> {
  const address = new URL("./api/health", document.baseURI);
  const response = await fetch(address, { credentials: "same-origin" }).catch(() => null);
  const answer = (await response?.json().catch(() => null)) as { status?: unknown } | null;
  if (response?.ok && answer?.status === "ok") return (await import("./index.ts")).computer;
  if (response?.status === 401 && answer) throw (await import("./http.ts")).refusal(401, answer);
  return null;
}
