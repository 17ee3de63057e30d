/**
 * The picture of a heat map: one pixel a number, in tiles that every browser can hold, and the part
 * of it that is looked at.
 */

import { type Scale, stepOf } from "./scales.ts";

/** One line of a heat map: `values[offset + n · stride]` belongs to time n. */
export interface Lane {
  values: Float32Array;
  offset: number;
  stride: number;
  /** Where given, a number is drawn as its distance from `centre` in units of `size`. */
  centre?: number;
  size?: number;
}

/** Width of a tile. Canvases are bounded by 4,096 pixels a side on small devices. */
export const TILE = 2048;

/** Fill RGBA pixels, [lanes, to - from], with the colours of the numbers of times `from` to `to`. */
export function fill(
  pixels: Uint32Array,
  lanes: readonly Lane[],
  from: number,
  to: number,
  scale: Scale,
): void {
  const wide = to - from;
  lanes.forEach(({ values, offset, stride, centre = 0, size = 1 }, row) => {
    let at = offset + from * stride;
    for (let n = row * wide; n < (row + 1) * wide; n++, at += stride) {
      const value = (values[at]! - centre) / size;
      pixels[n] = value === value ? scale.pixels[stepOf(scale, value)]! : 0;
    }
  });
}

/** What part of an axis is looked at: the first place, not always whole, and pixels a place. */
export interface Span {
  from: number;
  zoom: number;
}

/** Keep a span within `count` places on `size` pixels: never beyond an end, never smaller than all. */
export function bounded(span: Span, count: number, size: number, largest: number): Span {
  const least = size / Math.max(1, count);
  const zoom = Math.min(Math.max(span.zoom, least), Math.max(least, largest));
  const from = Math.min(Math.max(0, span.from), Math.max(0, count - size / zoom));
  return { from, zoom };
}

/** Enlarge a span by a factor so that the place at pixel `at` stays there. */
export function zoomed(span: Span, factor: number, at: number): Span {
  const place = span.from + at / span.zoom;
  const zoom = span.zoom * factor;
  return { from: place - at / zoom, zoom };
}

/** The distance of ticks, 1, 2 or 5 times a power of ten, that are at least `gap` pixels apart. */
export function tickDistance(zoom: number, gap: number): number {
  const least = gap / zoom;
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  for (const factor of [1, 2, 5, 10]) if (factor * power >= least) return factor * power;
  return 10 * power;
}
