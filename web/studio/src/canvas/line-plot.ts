/**
 * Lines over numbers on a canvas: axes with names, a grid, what lies under the pointer, and a stretch
 * that is dragged out to be seen larger (a double click shows all again).
 *
 * A line has points of its own, so lines need not share their places. NaN is a gap that is passed over.
 */

import { bounds, inked, nearest, tickLabel, ticks, type Range } from "./axis.ts";

export interface Line {
  colour: string;
  width?: number;
  /** From 0 to 1. */
  alpha?: number;
  points?: boolean;
  dash?: number[];
}

/** Where the points of a line are; the places rise. */
export type Curve = readonly [x: readonly number[], y: readonly number[]];

export interface Look {
  ink: string;
  grid: string;
  font: string;
}

/** What lies under the pointer: the place, and the value that each line has nearest to it. */
export interface Under {
  x: number;
  y: (number | null)[];
}

const LEFT = 58;
const FOOT = 42;
const TOP = 8;
const RIGHT = 10;
const NEAR_PX = 12;

export class LinePlot {
  readonly canvas = document.createElement("canvas");
  #curves: readonly Curve[] = [];
  #zoom: Range | null = null;
  #pointer: number | null = null;
  #dragged: number | null = null;
  #frame = 0;
  readonly #seen = new ResizeObserver(() => this.#soon());

  constructor(
    private readonly target: HTMLElement,
    private readonly lines: readonly Line[],
    private readonly look: Look,
    private readonly xLabel: string,
    private readonly yLabel: string,
    private readonly hear: (under: Under | null) => void = () => undefined,
  ) {
    Object.assign(this.canvas.style, { display: "block", width: "100%", height: "100%" });
    target.replaceChildren(this.canvas);
    this.#seen.observe(target);
    const at = (event: PointerEvent): number => event.offsetX;
    this.canvas.onpointerdown = (event) => {
      this.#dragged = at(event);
      this.canvas.setPointerCapture(event.pointerId);
    };
    this.canvas.onpointermove = (event) => this.#point(at(event));
    this.canvas.onpointerleave = () => this.#point(null);
    this.canvas.onpointerup = (event) => this.#cut(at(event));
    this.canvas.onpointercancel = () => {
      this.#dragged = null;
      this.#soon();
    };
    this.canvas.ondblclick = () => {
      this.#zoom = null;
      this.#soon();
    };
  }

  show(curves: readonly Curve[]): void {
    this.#curves = curves;
    this.#soon();
  }

  close(): void {
    this.#seen.disconnect();
    cancelAnimationFrame(this.#frame);
    this.canvas.remove();
  }

  /** All changes before the next frame are drawn in it at once. */
  #soon(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  get #right(): number {
    return Math.max(LEFT + 1, this.target.clientWidth - RIGHT);
  }

  #ranges(): { x: Range; y: Range } {
    const x = this.#zoom ?? bounds(this.#curves.flatMap(([places]) => ends(places)));
    const inside = this.#curves.flatMap(([places, values]) =>
      this.#zoom ? values.filter((_, n) => places[n]! >= x[0] && places[n]! <= x[1]) : values,
    );
    const y = bounds(inside);
    const air = 0.05 * (y[1] - y[0]);
    return { x, y: [y[0] - air, y[1] + air] };
  }

  #place(px: number): number {
    const { x } = this.#ranges();
    return x[0] + ((px - LEFT) / (this.#right - LEFT)) * (x[1] - x[0]);
  }

  #point(px: number | null): void {
    this.#pointer = px === null || px < LEFT || px > this.#right ? null : px;
    this.#soon();
    if (this.#pointer === null) return this.hear(null);
    const { x } = this.#ranges();
    const place = this.#place(this.#pointer);
    const reach = (NEAR_PX / (this.#right - LEFT)) * (x[1] - x[0]);
    this.hear({
      x: place,
      y: this.#curves.map(([places, values]) => {
        const n = nearest(places, place);
        const known = n >= 0 && Math.abs(places[n]! - place) <= reach;
        return known && Number.isFinite(values[n]) ? values[n]! : null;
      }),
    });
  }

  #cut(px: number): void {
    const from = this.#dragged;
    this.#dragged = null;
    this.#soon();
    if (from === null || Math.abs(px - from) < 5) return;
    const stretch = [this.#place(from), this.#place(px)].sort((a, b) => a - b);
    this.#zoom = stretch as [number, number];
  }

  #draw(): void {
    const { clientWidth: width, clientHeight: height } = this.target;
    const scale = devicePixelRatio;
    const size = [Math.round(width * scale), Math.round(height * scale)] as const;
    // Setting the size, even to what it is, makes a new canvas.
    if (this.canvas.width !== size[0]) this.canvas.width = size[0];
    if (this.canvas.height !== size[1]) this.canvas.height = size[1];
    const to = this.canvas.getContext("2d");
    if (!to || width <= LEFT + RIGHT || height <= TOP + FOOT) return;
    to.setTransform(scale, 0, 0, scale, 0, 0);
    to.clearRect(0, 0, width, height);
    const [right, foot] = [this.#right, height - FOOT];
    const range = this.#ranges();
    const x = (value: number): number =>
      LEFT + ((value - range.x[0]) / (range.x[1] - range.x[0])) * (right - LEFT);
    const y = (value: number): number =>
      foot - ((value - range.y[0]) / (range.y[1] - range.y[0])) * (foot - TOP);
    this.#axes(to, range, x, y, right, foot);
    to.save();
    to.beginPath();
    to.rect(LEFT, TOP, right - LEFT, foot - TOP);
    to.clip();
    this.lines.forEach((line, n) => {
      const curve = this.#curves[n];
      if (curve) this.#line(to, line, curve, x, y);
    });
    if (this.#pointer !== null) {
      inked(to, { stroke: this.look.ink, dash: [4, 3], alpha: 0.7 }, () => {
        to.moveTo(this.#pointer!, TOP);
        to.lineTo(this.#pointer!, foot);
      });
      if (this.#dragged !== null) {
        to.globalAlpha = 0.12;
        to.fillStyle = this.look.ink;
        to.fillRect(this.#dragged, TOP, this.#pointer - this.#dragged, foot - TOP);
      }
    }
    to.restore();
  }

  #axes(
    to: CanvasRenderingContext2D,
    range: { x: Range; y: Range },
    x: (value: number) => number,
    y: (value: number) => number,
    right: number,
    foot: number,
  ): void {
    to.font = this.look.font;
    to.fillStyle = this.look.ink;
    const across = ticks(range.x, (right - LEFT) / 80);
    const up = ticks(range.y, (foot - TOP) / 36);
    inked(to, { stroke: this.look.grid }, () => {
      for (const value of across) {
        to.moveTo(Math.round(x(value)) + 0.5, TOP);
        to.lineTo(Math.round(x(value)) + 0.5, foot + 4);
      }
      for (const value of up) {
        to.moveTo(LEFT - 4, Math.round(y(value)) + 0.5);
        to.lineTo(right, Math.round(y(value)) + 0.5);
      }
    });
    to.textAlign = "center";
    to.textBaseline = "top";
    for (const value of across) to.fillText(tickLabel(value), x(value), foot + 7);
    to.fillText(this.xLabel, (LEFT + right) / 2, foot + 25);
    to.textAlign = "right";
    to.textBaseline = "middle";
    for (const value of up) to.fillText(tickLabel(value), LEFT - 8, y(value));
    to.save();
    to.translate(10, (TOP + foot) / 2);
    to.rotate(-Math.PI / 2);
    to.textAlign = "center";
    to.fillText(this.yLabel, 0, 0);
    to.restore();
  }

  #line(
    to: CanvasRenderingContext2D,
    line: Line,
    [places, values]: Curve,
    x: (value: number) => number,
    y: (value: number) => number,
  ): void {
    const { colour, width = 1.5, alpha = 1, dash = [] } = line;
    inked(to, { stroke: colour, width, alpha, dash }, () => {
      places.forEach((place, n) => {
        if (Number.isFinite(values[n])) to.lineTo(x(place), y(values[n]!));
      });
    });
    // A single point has no line.
    if (!line.points && values.length > 1) return;
    to.fillStyle = colour;
    places.forEach((place, n) => {
      if (!Number.isFinite(values[n])) return;
      to.beginPath();
      to.arc(x(place), y(values[n]!), 3, 0, 2 * Math.PI);
      to.fill();
    });
  }
}

const ends = (places: readonly number[]): number[] =>
  places.length ? [places[0]!, places.at(-1)!] : [];
