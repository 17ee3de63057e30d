/** The parts of abcjs that are used, without its player. */
declare module "abcjs/src/api/abc_tunebook_svg.js" {
  interface Timing {
    milliseconds: number;
    elements?: SVGElement[][];
  }
  interface Engraved {
    setTiming(quartersPerMinute?: number, measuresBefore?: number): Timing[];
    warnings?: string[];
  }
  export default function renderAbc(
    target: HTMLElement,
    abc: string,
    options: Record<string, unknown>,
  ): Engraved[];
}

declare module "abcjs/src/write/svg.js" {
  const Svg: { prototype: { insertStyles(rules: string): void } };
  export default Svg;
}
