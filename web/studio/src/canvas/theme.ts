/** Which of the two sets of colours the page wears, and its inks as a canvas needs them. */

import type { Inks } from "./row.ts";
import type { Theme } from "./scales.ts";

export interface Dress {
  theme: Theme;
  inks: Inks;
}

/** Read the colours that hold at an element. */
export function dressOf(element: Element): Dress {
  const style = getComputedStyle(element);
  const scheme = style.colorScheme;
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const theme = scheme === "dark" || scheme === "light" ? scheme : system;
  const ink = (name: string): string => resolved(element, `var(${name})`);
  return {
    theme,
    inks: {
      ink: style.color,
      soft: ink("--ink-soft"),
      accent: ink("--accent"),
      second: ink("--second"),
    },
  };
}

/** A colour as a canvas understands it: `light-dark()` and mixtures are computed. */
function resolved(element: Element, colour: string): string {
  const probe = document.createElement("i");
  probe.style.color = colour;
  probe.hidden = true;
  element.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** Tell at once, and whenever the system or the person changes between light and dark. */
export function watchDress(element: Element, hear: (dress: Dress) => void): () => void {
  const tell = (): void => hear(dressOf(element));
  const system = matchMedia("(prefers-color-scheme: dark)");
  const observer = new MutationObserver(tell);
  system.addEventListener("change", tell);
  observer.observe(document.documentElement, {
    attributes: true,
    attributeFilter: ["class", "style", "data-theme"],
  });
  tell();
  return () => {
    system.removeEventListener("change", tell);
    observer.disconnect();
  };
}
