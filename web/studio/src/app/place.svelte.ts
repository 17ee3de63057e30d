/**
 * The places that there are, and the one that is worked in. Screens ask `usePlace().current` and
 * are made anew when it changes, so that within a screen it is always the same.
 */

import type { Place } from "../place/place.ts";
import { route } from "./router.svelte.ts";

export type Kind = Place["kind"];

/** Names as a person reads them. */
export const PLACE_NAMES: Record<Kind, string> = {
  computer: "This computer",
  browser: "This browser",
};

class Places {
  computer = $state.raw<Place | null>(null);
  browser = $state.raw<Place | null>(null);
  /** Why the computer's place could not be opened, where there is one. */
  locked = $state<string | null>(null);
  ready = $state(false);

  /** The one that is worked in; only asked once `ready`. */
  get current(): Place {
    const wanted = route.params.place;
    const place = (wanted === "browser" && this.browser) || this.computer || this.browser;
    if (!place) throw new Error("There is no place to work in.");
    return place;
  }

  /** The one that is not worked in, where there are two. */
  get other(): Place | null {
    return this.current === this.computer ? this.browser : this.computer;
  }

  get all(): Place[] {
    return [this.computer, this.browser].filter((place) => place !== null);
  }

  use(kind: Kind): void {
    route.go(route.screen, { place: kind, corpus: null, run: null, model: null });
  }

  async open(): Promise<void> {
    const [computer, browser] = await Promise.allSettled([openComputer(), openBrowser()]);
    if (computer.status === "fulfilled") this.computer = computer.value;
    else this.locked = (computer.reason as Error).message;
    if (browser.status === "fulfilled") this.browser = browser.value;
    else if (!this.computer) throw browser.reason;
    if (!this.computer && !this.browser) throw new Error(this.locked ?? "Nothing to work with.");
    this.ready = true;
  }
}

async function openComputer(): Promise<Place | null> {
  const { openComputerPlace } = await import("../place/computer/index.ts");
  return openComputerPlace();
}

async function openBrowser(): Promise<Place | null> {
  const found = import.meta.glob<{ openBrowserPlace(): Promise<Place> }>(
    "../place/browser/index.ts",
  );
  const load = found["../place/browser/index.ts"];
  return load ? (await load()).openBrowserPlace() : null;
}

const places = new Places();

export function usePlace(): Places {
  return places;
}
