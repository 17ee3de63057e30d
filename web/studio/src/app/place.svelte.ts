/**
 * The places that there are, and the one that is worked in. Screens ask `usePlace().current` and
 * are made anew when it changes, so that within a screen it is always the same.
 */

import { complain } from "../design/toasts.svelte.ts";
import { findComputerPlace } from "../place/computer/find.ts";
import type { Place } from "../place/place.ts";
import { route } from "./router.svelte.ts";

export type Kind = Place["kind"];

/** Names as a person reads them. */
export const PLACE_NAMES: Record<Kind, string> = {
  computer: "This computer",
  browser: "This browser",
};

/** Parameters that name things of one place, or what was made of them. */
const NAMED = [
  "corpus", "run", "model", "model_2", "path", "path_2", "compare",
  "passage", "from", "unit", "at", "range",
]; // prettier-ignore

type Opener = () => Promise<{ openBrowserPlace(): Promise<Place> }>;

// A build without the place in the browser finds no such module.
const BROWSER = Object.values(
  import.meta.glob<Awaited<ReturnType<Opener>>>("../place/browser/index.ts"),
)[0] as Opener | undefined;

class Places {
  #computer = $state.raw<Place | null>(null);
  #browser = $state.raw<Place | null>(null);
  /** Where one can work; the browser's own place counts before it is opened. */
  kinds = $state.raw<Kind[]>([]);
  #opening: Promise<Place | null> | undefined;
  #answer: Promise<Place | null> | undefined;

  /** The one that is worked in; only asked once it is open. */
  get current(): Place {
    const wanted = route.params.place;
    const place = (wanted === "browser" && this.#browser) || this.#computer || this.#browser;
    if (!place) throw new Error("There is no place to work in.");
    return place;
  }

  use(kind: Kind): void {
    const nothing = Object.fromEntries(NAMED.map((name) => [name, null]));
    route.go(route.screen, { ...nothing, place: kind });
  }

  /**
   * Open the place that the address names, or the computer's where it answers. The browser's is
   * loaded when it is first wanted.
   */
  async open(wanted: string | undefined): Promise<void> {
    const early = wanted === "browser" ? this.#openBrowser() : null;
    early?.catch(() => undefined); // told below
    let locked: unknown = null;
    try {
      this.#computer = await this.#openComputer();
    } catch (error) {
      locked = error;
    }
    const found: Kind[] = this.#computer ? ["computer"] : [];
    if (wanted === "browser" || !this.#computer) {
      try {
        if (await (early ?? this.#openBrowser())) found.push("browser");
      } catch (error) {
        if (!this.#computer) throw error;
        complain(error);
      }
    } else if (BROWSER) found.push("browser");
    if (!found.length) throw locked ?? new Error("Nothing to work with.");
    this.kinds = found;
  }

  /** Every place that may hold something, the browser's opened for it if it keeps anything at all. */
  async holding(): Promise<Place[]> {
    const empty =
      this.#computer && !this.#browser && (await indexedDB.databases?.().catch(() => null));
    return empty && !empty.length ? [this.#computer!] : this.all();
  }

  /** Every place, the browser's opened for it if need be. */
  async all(): Promise<Place[]> {
    if (this.kinds.includes("browser")) await this.#openBrowser().catch(complain);
    return [this.#computer, this.#browser].filter((place) => place !== null);
  }

  #openComputer(): Promise<Place | null> {
    this.#answer ??= findComputerPlace();
    this.#answer.catch(() => (this.#answer = undefined));
    return this.#answer;
  }

  async #openBrowser(): Promise<Place | null> {
    if (!BROWSER) return null;
    this.#opening ??= BROWSER().then(({ openBrowserPlace }) => openBrowserPlace());
    this.#opening.catch(() => (this.#opening = undefined));
    this.#browser = await this.#opening;
    return this.#browser;
  }
}

const places = new Places();

export function usePlace(): Places {
  return places;
}
