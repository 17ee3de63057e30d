/** What outlives a screen: its address, for whoever comes back to it, and the text that was written. */

import { route, type Params, type Screen } from "../../app/router.svelte.ts";
import type { Address } from "./address.ts";

export const kept = $state<{ text: string | null }>({ text: null });

const addresses = new Map<string, Params>();

/**
 * The address of a screen. Who comes without saying anything but the place finds it as it was left,
 * unless it was left in another place, where models have other names.
 */
export function keptAddress(screen: Screen): Address {
  const key = `${screen} ${route.params.place ?? ""}`;
  const said = Object.keys(route.params).filter((name) => name !== "place");
  if (said.length === 0) route.put(addresses.get(key) ?? {});
  return {
    get: (name) => route.params[name] ?? null,
    set(changes) {
      // A timer may fire after the person has gone to another screen.
      if (route.screen !== screen) return;
      route.put(changes);
      addresses.set(key, { ...route.params });
    },
  };
}
