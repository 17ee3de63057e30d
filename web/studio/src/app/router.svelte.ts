/**
 * The address holds the whole state: `#/write?place=browser&model=ab12&seed=7`. It works in any
 * folder of any web server, and whoever gets the address sees the same thing.
 */

import { untrack } from "svelte";
import { SCREENS, type Screen } from "./screens.ts";

export type { Screen };
export type Params = Record<string, string>;
/** What becomes of a parameter: null, undefined and "" take it out of the address. */
export type Changes = Record<string, string | number | boolean | null | undefined>;

function parse(hash: string): { screen: Screen; params: Params } {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const screen = Object.hasOwn(SCREENS, path) ? (path as Screen) : "corpus";
  return { screen, params: Object.fromEntries(new URLSearchParams(query)) };
}

function merge(params: Params, changes: Changes): Params {
  const merged = { ...params };
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") delete merged[name];
    else merged[name] = String(value);
  }
  return merged;
}

function write(screen: Screen, params: Params): string {
  const query = new URLSearchParams(params).toString();
  return `#/${screen}${query ? `?${query}` : ""}`;
}

/** Screens that are found again as they were left, by `back`. */
const KEPT: readonly Screen[] = ["train", "write", "inside", "music"];
/**
 * Browsers refuse more than 200 changes of the address in 30 seconds, and a slider asks for 60 a
 * second: so many may be written at once, and then one each time that so much has gone by.
 */
const AT_ONCE = 30;
const SPACING_MS = 200;

class Route {
  #now = $state.raw<{ screen: Screen; params: Params }>(parse(location.hash));
  #timer: ReturnType<typeof setTimeout> | undefined;
  #arrivals = $state(0);
  #left = $state.raw<Record<string, Params>>({});

  constructor() {
    this.#set(this.#now.screen, this.#now.params);
    addEventListener("popstate", () => this.#read());
    addEventListener("hashchange", () => this.#read());
    // Whoever copies the address, follows a link or closes the page has left the page's inside.
    addEventListener("blur", () => this.#flush());
    addEventListener("click", () => this.#flush(), true);
    addEventListener("pagehide", () => this.#flush());
  }

  get screen(): Screen {
    return this.#now.screen;
  }
  get params(): Params {
    return this.#now.params;
  }

  /** How often the address came from outside (Back, a link): settings are then read afresh. */
  get arrivals(): number {
    return this.#arrivals;
  }

  #set(screen: Screen, params: Params): void {
    this.#now = { screen, params };
    if (!KEPT.includes(screen)) return;
    this.#left = { ...untrack(() => this.#left), [key(screen, params)]: params };
  }

  #read(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (write(this.#now.screen, this.#now.params) === location.hash) return;
    const { screen, params } = parse(location.hash);
    this.#set(screen, params);
    this.#last = screen;
    this.#arrivals += 1;
  }

  /** Change parameters of this screen without a new entry in the history. */
  put(changes: Changes): void {
    this.#set(this.#now.screen, merge(this.#now.params, changes));
    if (this.#timer !== undefined) return;
    const now = performance.now();
    this.#credit = Math.min(AT_ONCE, this.#credit + (now - this.#counted) / SPACING_MS);
    this.#counted = now;
    if (this.#credit >= 1) this.#flush();
    else this.#timer = setTimeout(() => this.#flush(), SPACING_MS);
  }
  #credit = AT_ONCE;
  #counted = 0;

  /** Go to a screen (or stay on it), as a new entry in the history. */
  go(screen: Screen, changes: Changes = {}): void {
    this.#flush();
    const params = screen === this.screen ? this.params : carried(this.params);
    this.#set(screen, merge(params, changes));
    history.pushState(null, "", write(this.#now.screen, this.#now.params));
    if (screen !== this.#last) scrollTo(0, 0);
    this.#last = screen;
  }
  #last: Screen = this.#now.screen;

  /** The address of a screen as it was left in this place, and on what one works now. */
  back(screen: Screen): string {
    const now = carried(this.params);
    const left = this.#left[key(screen, now)] ?? {};
    // What another model wrote is not what this one would write.
    const moved = now.model !== undefined && now.model !== left.model;
    return write(screen, merge(left, moved ? { ...now, path: null } : now));
  }

  /** Write the address now, with whatever waits. */
  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const address = write(this.#now.screen, this.#now.params);
    if (address === location.hash) return;
    history.replaceState(null, "", address);
    this.#credit -= 1;
  }
}

const key = (screen: Screen, params: Params): string => `${screen} ${params.place ?? ""}`;

/** What goes along from screen to screen: where one works, and on what. */
const CARRIED = ["place", "corpus", "run", "model"];

function carried(params: Params): Params {
  return Object.fromEntries(Object.entries(params).filter(([name]) => CARRIED.includes(name)));
}

export const route = new Route();

/** The address of a screen, for links; the place goes along. */
export function href(screen: Screen, changes: Changes = {}): string {
  return write(screen, merge(carried(route.params), changes));
}
