/** What outlives a screen: the text that was written, and what the address says of the screen. */

import { untrack } from "svelte";
import { route, type Screen } from "../../app/router.svelte.ts";
import type { Address } from "./address.ts";

export const kept = $state<{ text: string | null }>({ text: null });

/** The part of the page's address that belongs to a screen. */
export function addressFor(screen: Screen): Address {
  return {
    // What the address says is asked for once, when the screen is made; a change of it is no reason
    // to make the screen anew.
    get: (name) => untrack(() => route.params[name] ?? null),
    set(changes) {
      untrack(() => {
        // What is still under way when the person has gone to another screen says nothing there.
        if (route.screen === screen) route.put(changes);
      });
    },
  };
}
