/** Light or dark: as the system says, or as was chosen here. */

export type Theme = "light" | "dark";
const KEY = "recurra.theme";
const system = matchMedia("(prefers-color-scheme: dark)");

function chosen(): Theme | null {
  const kept = localStorage.getItem(KEY);
  return kept === "light" || kept === "dark" ? kept : null;
}

class ThemeState {
  /** What is shown now; canvases and charts draw again when it changes. */
  now = $state<Theme>("light");

  constructor() {
    this.#apply();
    system.addEventListener("change", () => this.#apply());
  }

  toggle(): void {
    const next = this.now === "light" ? "dark" : "light";
    const asSystem = next === (system.matches ? "dark" : "light");
    if (asSystem) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
    this.#apply();
  }

  #apply(): void {
    this.now = chosen() ?? (system.matches ? "dark" : "light");
    document.documentElement.dataset.theme = this.now;
  }
}

export const theme = new ThemeState();

/** The present value of a design token, as "accent" for `--accent`. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
