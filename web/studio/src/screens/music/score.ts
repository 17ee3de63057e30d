/** The engraved score: abcjs draws it, and says which signs sound when. */

import renderAbc from "abcjs/src/api/abc_tunebook_svg.js";
import Svg from "abcjs/src/write/svg.js";

// A style element, for dragging notes, which nobody does here; the page's policy allows none.
Svg.prototype.insertStyles = () => undefined;

/** Below this width, in CSS pixels, fewer bars stand on a line. */
const NARROW = 520;

export interface Score {
  /** Show which notes sound at a time; returns the first of them where it is another than before. */
  point(seconds: number): Element | null;
  /** The whole picture as an SVG file; null where there is none. */
  svg(): Blob | null;
}

/** Engrave a piece into an element, as wide as that is. Times are those of `tempo`. */
export function engrave(target: HTMLElement, abc: string, tempo: number): Score {
  const width = Math.max(240, target.clientWidth - 24);
  const voices = abc.includes("\nV:");
  const [tune] = renderAbc(target, abc, {
    add_classes: true,
    staffwidth: voices ? 760 : width,
    // Several voices cannot be set anew in lines: those are as they are written, and shrink.
    ...(voices
      ? { responsive: "resize" }
      : {
          wrap: {
            minSpacing: 1.4,
            maxSpacing: 2.8,
            preferredMeasuresPerLine: width < NARROW ? 2 : 4,
          },
        }),
    paddingleft: 8,
    paddingright: 8,
    selectTypes: false,
    ariaLabel: "Score",
  });
  const timings = (tune?.setTiming(tempo, 0) ?? [])
    .filter((one) => one.elements?.length)
    .map(({ milliseconds, elements }) => ({
      start: milliseconds / 1000,
      elements: elements!.flat(),
    }));
  let shown: SVGElement[] = [];
  return {
    point(seconds) {
      let found: SVGElement[] = [];
      for (const { start, elements } of timings) {
        if (start > seconds + 0.005) break;
        found = elements;
      }
      if (found === shown) return null;
      for (const one of shown) one.classList.remove("sounding");
      for (const one of found) one.classList.add("sounding");
      shown = found;
      return found[0] ?? null;
    },
    svg() {
      const drawn = target.querySelector("svg");
      if (!drawn) return null;
      const copy = drawn.cloneNode(true) as SVGElement;
      for (const one of copy.querySelectorAll(".sounding")) one.classList.remove("sounding");
      copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
      copy.setAttribute("style", "color: #000; background: #fff");
      const text = new XMLSerializer().serializeToString(copy);
      return new Blob([text], { type: "image/svg+xml" });
    },
  };
}
