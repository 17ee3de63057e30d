/**
 * The address holds the whole state: `#/write?place=browser&model=ab12&seed=7`. It works in any
 * folder of any web server, and whoever gets the address sees the same thing.
 */

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

class Route {
  #now = $state.raw(parse(location.hash));
  #timer: ReturnType<typeof setTimeout> | undefined;
  #arrivals = $state(0);

  constructor() {
    addEventListener("popstate", () => this.#read());
    addEventListener("hashchange", () => this.#read());
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

  #read(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (write(this.#now.screen, this.#now.params) === location.hash) return;
    this.#now = parse(location.hash);
    this.#arrivals += 1;
  }

  /** Change parameters of this screen without a new entry in the history. */
  put(changes: Changes): void {
    this.#now = { screen: this.#now.screen, params: merge(this.#now.params, changes) };
    // A slider asks for this sixty times a second, and browsers refuse more than 200 in 30 seconds.
    this.#timer ??= setTimeout(() => this.#flush(), 200);
  }

  /** Go to a screen (or stay on it), as a new entry in the history. */
  go(screen: Screen, changes: Changes = {}): void {
    this.#flush();
    const params = screen === this.screen ? this.params : carried(this.params);
    this.#now = { screen, params: merge(params, changes) };
    history.pushState(null, "", write(this.#now.screen, this.#now.params));
    if (screen !== this.#last) scrollTo(0, 0);
    this.#last = screen;
  }
  #last: Screen = this.#now.screen;

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const address = write(this.#now.screen, this.#now.params);
    if (address !== location.hash) history.replaceState(null, "", address);
  }
}

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
