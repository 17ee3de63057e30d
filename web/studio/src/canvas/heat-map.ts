/**
 * A heat map of units over time, with a cross-hair, that is moved and enlarged at the speed of the
 * screen: the numbers become a picture once, and a frame only draws a part of it.
 */

import { type Lane, type Span, TILE, bounded, fill, tickDistance, zoomed } from "./raster.ts";
import type { Inks } from "./row.ts";
import type { Scale } from "./scales.ts";

export interface Picture {
  lanes: readonly Lane[];
  times: number;
  scale: Scale;
  /** Names of the lanes, for the axis: "1:115". */
  names: readonly string[];
  /** Lanes above which a line is drawn, where a layer begins. */
  breaks: readonly number[];
  /** What stands at each time, drawn once there is room for it. */
  tokens: readonly string[];
}

export interface HeatListeners {
  /** The cross-hair moved. */
  pointed?(time: number, lane: number): void;
  /** A place was clicked, or Enter pressed on it. */
  chosen?(time: number, lane: number): void;
  /** What is in sight changed: times from and to. */
  framed?(from: number, to: number): void;
}

const GUTTER = 46;
const FOOT = 34;
const LARGEST = 28;

export class HeatMap {
  private readonly box = document.createElement("div");
  private readonly base = document.createElement("canvas");
  private readonly over = document.createElement("canvas");
  private readonly observer: ResizeObserver;
  private tiles: HTMLCanvasElement[] = [];
  private picture: Picture | null = null;
  private x: Span = { from: 0, zoom: 1 };
  private y: Span = { from: 0, zoom: 1 };
  private time = -1;
  private lane = -1;
  private size = { width: 0, height: 0 };
  private frame = 0;
  private dirty = true;
  private inks: Inks = { ink: "#000", soft: "#666", accent: "#06c", second: "#a40" };

  constructor(
    host: HTMLElement,
    label: string,
    private readonly listeners: HeatListeners = {},
  ) {
    this.box.className = "heat-map";
    this.box.tabIndex = 0;
    this.box.setAttribute("role", "application");
    this.box.setAttribute("aria-roledescription", "heat map");
    this.box.setAttribute("aria-label", label);
    this.over.className = "over";
    this.box.append(this.base, this.over);
    host.append(this.box);
    this.box.addEventListener("pointerdown", (event) => this.press(event));
    this.box.addEventListener("pointermove", (event) => this.point(event));
    this.box.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.box.addEventListener("keydown", (event) => this.key(event));
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(this.box);
    this.resized();
  }

  destroy(): void {
    cancelAnimationFrame(this.frame);
    this.observer.disconnect();
    this.box.remove();
  }

  show(picture: Picture, inks: Inks, whole: boolean): void {
    this.picture = picture;
    this.inks = inks;
    this.tiles = [];
    for (let from = 0; from < picture.times; from += TILE) {
      const to = Math.min(picture.times, from + TILE);
      const tile = document.createElement("canvas");
      tile.width = to - from;
      tile.height = picture.lanes.length;
      const pen = tile.getContext("2d")!;
      const image = pen.createImageData(tile.width, Math.max(1, tile.height));
      fill(new Uint32Array(image.data.buffer), picture.lanes, from, to, picture.scale);
      pen.putImageData(image, 0, 0);
      this.tiles.push(tile);
    }
    if (whole) this.fit();
    else this.look(this.x, this.y);
  }

  /** Show all of it. */
  fit(): void {
    this.look({ from: 0, zoom: 0 }, { from: 0, zoom: 0 });
  }

  /** Enlarge (or, below 1, reduce) around the middle, or the cross-hair where there is one. */
  zoom(factor: number, axis: "time" | "units" | "both" = "both"): void {
    const { wide, high } = this.room();
    const inside = (at: number, room: number): number => (at >= 0 && at <= room ? at : room / 2);
    const atX = inside((this.time + 0.5 - this.x.from) * this.x.zoom, wide);
    const atY = inside((this.lane + 0.5 - this.y.from) * this.y.zoom, high);
    this.look(
      axis === "units" ? this.x : zoomed(this.x, factor, atX),
      axis === "time" ? this.y : zoomed(this.y, factor, atY),
    );
  }

  /** Put the cross-hair somewhere, and bring it into sight if asked. */
  setCursor(time: number, lane: number, reveal = false): void {
    this.time = time;
    this.lane = lane;
    if (reveal) this.reveal();
    this.later(false);
  }

  private room(): { wide: number; high: number } {
    return {
      wide: Math.max(1, this.size.width - GUTTER),
      high: Math.max(1, this.size.height - FOOT),
    };
  }

  private look(x: Span, y: Span): void {
    const { wide, high } = this.room();
    this.x = bounded(x, this.picture?.times ?? 1, wide, LARGEST);
    this.y = bounded(y, this.picture?.lanes.length ?? 1, high, LARGEST);
    this.listeners.framed?.(this.x.from, this.x.from + wide / this.x.zoom);
    this.later(true);
  }

  private reveal(): void {
    const { wide, high } = this.room();
    const inside = (span: Span, at: number, room: number): Span => {
      const [first, last] = [span.from, span.from + room / span.zoom - 1];
      if (at < first) return { ...span, from: at };
      return at > last ? { ...span, from: at + 1 - room / span.zoom } : span;
    };
    this.look(inside(this.x, this.time, wide), inside(this.y, this.lane, high));
  }

  private resized(): void {
    const { clientWidth: width, clientHeight: height } = this.box;
    if (!width || !height) return;
    const before = this.room();
    const whole =
      this.size.width === 0 || this.x.zoom * (this.picture?.times ?? 1) <= before.wide + 1;
    this.size = { width, height };
    const ratio = window.devicePixelRatio || 1;
    for (const canvas of [this.base, this.over]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    if (whole) this.fit();
    else this.look(this.x, this.y);
  }

  private later(all: boolean): void {
    this.dirty ||= all;
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      if (this.dirty) this.draw();
      this.dirty = false;
      this.crosshair();
    });
  }

  private pen(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
    const pen = canvas.getContext("2d")!;
    const ratio = window.devicePixelRatio || 1;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, this.size.width, this.size.height);
    return pen;
  }

  private draw(): void {
    const pen = this.pen(this.base);
    if (!this.picture) return;
    const { wide, high } = this.room();
    pen.save();
    pen.beginPath();
    pen.rect(GUTTER, 0, wide, high);
    pen.clip();
    // Many numbers on one pixel are averaged; few are drawn as the fields that they are.
    pen.imageSmoothingEnabled = this.x.zoom < 1 || this.y.zoom < 1;
    this.tiles.forEach((tile, n) => {
      const left = GUTTER + (n * TILE - this.x.from) * this.x.zoom;
      const width = tile.width * this.x.zoom;
      if (left > this.size.width || left + width < GUTTER) return;
      pen.drawImage(tile, left, -this.y.from * this.y.zoom, width, tile.height * this.y.zoom);
    });
    pen.fillStyle = this.inks.ink;
    for (const lane of this.picture.breaks) {
      const top = Math.round((lane - this.y.from) * this.y.zoom);
      if (lane > 0 && top > 0 && top < high) pen.fillRect(GUTTER, top, wide, 1);
    }
    pen.restore();
    this.axes(pen, this.picture, wide, high);
  }

  private axes(pen: CanvasRenderingContext2D, picture: Picture, wide: number, high: number): void {
    pen.fillStyle = this.inks.soft;
    pen.font = "11px system-ui, sans-serif";
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    const down = tickDistance(this.y.zoom, 22);
    for (
      let lane = Math.ceil(this.y.from / down) * down;
      lane < picture.lanes.length;
      lane += down
    ) {
      const y = (lane + 0.5 - this.y.from) * this.y.zoom;
      if (y > high - 5) break;
      pen.fillText(picture.names[lane] ?? "", GUTTER - 6, Math.max(7, y));
    }
    pen.textAlign = "center";
    const along = tickDistance(this.x.zoom, 64);
    for (let time = Math.ceil(this.x.from / along) * along; time < picture.times; time += along) {
      const x = GUTTER + (time + 0.5 - this.x.from) * this.x.zoom;
      if (x > GUTTER + wide - 10) break;
      pen.fillRect(Math.round(x), high, 1, 4);
      pen.fillText(time.toLocaleString("en"), Math.max(x, GUTTER + 10), high + 26);
    }
    if (this.x.zoom < 8) return;
    pen.fillStyle = this.inks.ink;
    pen.font = `${Math.min(13, this.x.zoom + 1)}px ui-monospace, monospace`;
    const last = Math.min(picture.times, Math.ceil(this.x.from + wide / this.x.zoom));
    for (let time = Math.floor(this.x.from); time < last; time++) {
      const x = GUTTER + (time + 0.5 - this.x.from) * this.x.zoom;
      if (x > GUTTER) pen.fillText(picture.tokens[time] ?? "", x, high + 12);
    }
  }

  private crosshair(): void {
    const pen = this.pen(this.over);
    if (!this.picture || this.time < 0) return;
    const { wide, high } = this.room();
    const left = GUTTER + (this.time - this.x.from) * this.x.zoom;
    const top = (this.lane - this.y.from) * this.y.zoom;
    pen.strokeStyle = this.inks.accent;
    pen.fillStyle = this.inks.accent;
    pen.lineWidth = 1.5;
    const [w, h] = [Math.max(1.5, this.x.zoom), Math.max(1.5, this.y.zoom)];
    if (left >= GUTTER - 1 && left <= GUTTER + wide) {
      pen.globalAlpha = 0.75;
      pen.fillRect(left + w / 2 - 0.75, 0, 1.5, high);
    }
    if (this.lane >= 0 && top >= 0 && top <= high) {
      pen.globalAlpha = 0.75;
      pen.fillRect(GUTTER, top + h / 2 - 0.75, wide, 1.5);
      pen.globalAlpha = 1;
      if (w > 6 && h > 6) pen.strokeRect(left, top, w, h);
      pen.font = "600 11px system-ui, sans-serif";
      pen.textAlign = "right";
      pen.textBaseline = "middle";
      const y = Math.min(high - 7, Math.max(7, top + h / 2));
      pen.clearRect(0, y - 8, GUTTER - 2, 16);
      pen.fillText(this.picture.names[this.lane] ?? "", GUTTER - 6, y);
    }
    pen.globalAlpha = 1;
  }

  private placeAt(event: PointerEvent | WheelEvent): [number, number] | null {
    const box = this.box.getBoundingClientRect();
    const { wide, high } = this.room();
    const [x, y] = [event.clientX - box.left - GUTTER, event.clientY - box.top];
    if (!this.picture || x < 0 || y < 0 || x > wide || y > high) return null;
    const time = Math.floor(this.x.from + x / this.x.zoom);
    const lane = Math.floor(this.y.from + y / this.y.zoom);
    const [times, lanes] = [this.picture.times, this.picture.lanes.length];
    return [Math.min(times - 1, time), Math.min(lanes - 1, lane)];
  }

  private point(event: PointerEvent): void {
    if (event.buttons) return;
    const place = this.placeAt(event);
    if (!place || (place[0] === this.time && place[1] === this.lane)) return;
    this.setCursor(...place);
    this.listeners.pointed?.(...place);
  }

  /** A click chooses; a drag moves the picture. */
  private press(event: PointerEvent): void {
    if (event.button !== 0) return;
    const start = { x: event.clientX, y: event.clientY };
    const [x, y] = [this.x, this.y];
    let dragged = false;
    const move = (moved: PointerEvent): void => {
      const [dx, dy] = [moved.clientX - start.x, moved.clientY - start.y];
      dragged ||= Math.hypot(dx, dy) > 4;
      if (dragged) {
        this.look({ ...x, from: x.from - dx / x.zoom }, { ...y, from: y.from - dy / y.zoom });
      }
    };
    const release = (lifted: PointerEvent): void => {
      window.removeEventListener("pointermove", move);
      window.removeEventListener("pointerup", release);
      window.removeEventListener("pointercancel", release);
      const place = this.placeAt(lifted);
      if (dragged || lifted.type === "pointercancel" || !place) return;
      this.setCursor(...place);
      this.listeners.pointed?.(...place);
      this.listeners.chosen?.(...place);
    };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", release);
    window.addEventListener("pointercancel", release);
  }

  /** The wheel alone scrolls the page; with Ctrl it enlarges, with Shift it moves along. */
  private wheel(event: WheelEvent): void {
    const box = this.box.getBoundingClientRect();
    if (event.ctrlKey || event.metaKey) {
      const factor = Math.exp(-event.deltaY / 300);
      this.look(
        zoomed(this.x, factor, event.clientX - box.left - GUTTER),
        event.shiftKey ? zoomed(this.y, factor, event.clientY - box.top) : this.y,
      );
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      const by = event.deltaX || event.deltaY;
      this.look({ ...this.x, from: this.x.from + by / this.x.zoom }, this.y);
    } else return;
    event.preventDefault();
  }

  private key(event: KeyboardEvent): void {
    if (!this.picture || event.ctrlKey || event.metaKey || event.altKey) return;
    const moves: Record<string, readonly [number, number]> = {
      ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
      PageUp: [0, -10], PageDown: [0, 10], Home: [-Infinity, 0], End: [Infinity, 0],
    }; // prettier-ignore
    const move = moves[event.key];
    if (move) {
      const within = (at: number, end: number): number => Math.max(0, Math.min(end - 1, at));
      const time = within(Math.max(0, this.time) + move[0], this.picture.times);
      const lane = within(Math.max(0, this.lane) + move[1], this.picture.lanes.length);
      this.setCursor(time, lane, true);
      this.listeners.pointed?.(time, lane);
    } else if (event.key === "+" || event.key === "=") this.zoom(1.5);
    else if (event.key === "-") this.zoom(1 / 1.5);
    else if (event.key === "0") this.fit();
    else if (event.key === "Enter" && this.time >= 0) this.listeners.chosen?.(this.time, this.lane);
    else return;
    event.preventDefault();
  }
}
