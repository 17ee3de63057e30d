/** A piano roll: time to the right, pitch upwards, a line where a bar begins, and a playhead. */

import type { HeardNote } from "../place/music.ts";
import type { Dress } from "./theme.ts";
import { bounded, zoomed, type Span } from "./raster.ts";

export interface Roll {
  notes: readonly HeardNote[];
  /** Seconds. */
  duration: number;
  bars: readonly number[];
  /** Up to here it was given, in seconds. */
  begun: number;
  /** A colour for each note, in place of its voice's; null for one without. */
  colours: readonly (string | null)[] | null;
}

export interface RollListeners {
  /** Somebody asks to go to a place, in seconds. */
  sought?(seconds: number): void;
  /** Space was pressed on it. */
  toggled?(): void;
}

const GUTTER = 40;
const FOOT = 20;
const BLACK = new Set([1, 3, 6, 8, 10]);
/** Voices are told apart by lightness too, so that they differ in grey. */
const VOICES = {
  light: ["#0b6b66", "#b0480c", "#3d5aa8", "#8a3d86", "#5d6b12", "#7a5600"],
  dark: ["#5cc8bb", "#f0a063", "#93aef0", "#dd94d8", "#bcc85c", "#e3bd62"],
};
/** Pixels a second at most. */
const LARGEST = 400;

export class PianoRoll {
  private readonly box = document.createElement("div");
  private readonly base = document.createElement("canvas");
  private readonly over = document.createElement("canvas");
  private readonly observer: ResizeObserver;
  private roll: Roll | null = null;
  private dress: Dress | null = null;
  private size = { width: 0, height: 0 };
  private span: Span = { from: 0, zoom: 1 };
  private position = 0;
  private low = 57;
  private high = 76;

  constructor(
    host: HTMLElement,
    label: string,
    private readonly listeners: RollListeners = {},
  ) {
    this.box.className = "heat-map piano-roll";
    this.box.tabIndex = 0;
    this.box.setAttribute("role", "slider");
    this.box.setAttribute("aria-label", label);
    this.box.setAttribute("aria-valuemin", "0");
    this.over.className = "over";
    this.box.append(this.base, this.over);
    host.append(this.box);
    this.box.addEventListener("pointerdown", (event) => this.point(event));
    this.box.addEventListener("pointermove", (event) => event.buttons && this.point(event));
    this.box.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.box.addEventListener("keydown", (event) => this.key(event));
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(this.box);
    this.resized();
  }

  destroy(): void {
    this.observer.disconnect();
    this.box.remove();
  }

  show(roll: Roll, dress: Dress): void {
    const fresh = roll.notes !== this.roll?.notes;
    this.roll = roll;
    this.dress = dress;
    const pitches = roll.notes.map(({ pitch }) => pitch);
    this.low = Math.max(0, Math.min(60, ...pitches) - 2);
    this.high = Math.min(127, Math.max(72, ...pitches) + 2);
    if (fresh) this.span = { from: 0, zoom: 0 };
    this.look(this.span);
    this.box.setAttribute("aria-valuemax", roll.duration.toFixed(1));
    this.setPosition(this.position);
  }

  /** Put the playhead somewhere; the picture follows it while `follow`. */
  setPosition(seconds: number, follow = false): void {
    this.position = seconds;
    this.box.setAttribute("aria-valuenow", seconds.toFixed(1));
    this.box.setAttribute("aria-valuetext", this.told());
    const sight = this.wide / this.span.zoom;
    if (follow && (seconds < this.span.from || seconds > this.span.from + 0.9 * sight)) {
      this.look({ ...this.span, from: seconds - 0.1 * sight });
    }
    this.drawOver();
  }

  zoom(factor: number): void {
    const at = (this.position - this.span.from) * this.span.zoom;
    this.look(zoomed(this.span, factor, at >= 0 && at <= this.wide ? at : this.wide / 2));
  }

  fit(): void {
    this.look({ from: 0, zoom: 0 });
  }

  /** The picture as a PNG file. */
  png(): Promise<Blob | null> {
    const whole = document.createElement("canvas");
    [whole.width, whole.height] = [this.base.width, this.base.height];
    const pen = whole.getContext("2d")!;
    pen.fillStyle = getComputedStyle(this.box).getPropertyValue("--surface") || "#fff";
    pen.fillRect(0, 0, whole.width, whole.height);
    pen.drawImage(this.base, 0, 0);
    return new Promise((resolve) => whole.toBlob(resolve, "image/png"));
  }

  private get wide(): number {
    return Math.max(1, this.size.width - GUTTER);
  }

  private told(): string {
    const bar = (this.roll?.bars ?? []).filter((start) => start <= this.position + 1e-6).length;
    return `bar ${Math.max(1, bar)}, ${this.position.toFixed(1)} seconds`;
  }

  private look(span: Span): void {
    this.span = bounded(span, this.roll?.duration || 1, this.wide, LARGEST);
    this.drawBase();
    this.drawOver();
  }

  private resized(): void {
    const { width, height } = this.box.getBoundingClientRect();
    this.size = { width, height };
    const ratio = devicePixelRatio;
    for (const canvas of [this.base, this.over]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      canvas.getContext("2d")!.setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    this.look(this.span);
  }

  private x(seconds: number): number {
    return GUTTER + (seconds - this.span.from) * this.span.zoom;
  }

  private drawBase(): void {
    const pen = this.base.getContext("2d")!;
    const { width, height } = this.size;
    pen.clearRect(0, 0, width, height);
    if (!this.roll || !this.dress) return;
    const { inks, theme } = this.dress;
    const row = (height - FOOT) / (this.high - this.low + 1);
    const top = (pitch: number): number => (this.high - pitch) * row;
    pen.font = `11px ${getComputedStyle(this.box).fontFamily}`;
    for (let pitch = this.low; pitch <= this.high; pitch++) {
      pen.fillStyle = inks.soft;
      if (BLACK.has(pitch % 12)) {
        pen.globalAlpha = 0.09;
        pen.fillRect(GUTTER, top(pitch), width - GUTTER, row);
      }
      pen.globalAlpha = 1;
      if (pitch % 12 === 0) {
        pen.textAlign = "right";
        pen.textBaseline = "middle";
        pen.fillText(`C${pitch / 12 - 1}`, GUTTER - 6, top(pitch) + row / 2);
      }
    }
    pen.save();
    pen.beginPath();
    pen.rect(GUTTER, 0, width - GUTTER, height);
    pen.clip();
    this.drawBars(pen, height, inks.soft);
    this.roll.notes.forEach(({ start, end, pitch, velocity, voice }, n) => {
      const x = this.x(start);
      const w = Math.max(1.5, (end - start) * this.span.zoom - 1);
      if (x + w < GUTTER || x > width) return;
      const colours = VOICES[theme];
      const own = this.roll!.colours?.[n];
      pen.fillStyle = own ?? colours[voice % colours.length]!;
      pen.globalAlpha = own ? 1 : this.roll!.colours ? 0.25 : 0.5 + velocity / 254;
      pen.beginPath();
      pen.roundRect(x, top(pitch) + 0.5, w, Math.max(2, row - 1), 2);
      pen.fill();
    });
    pen.restore();
  }

  private drawBars(pen: CanvasRenderingContext2D, height: number, ink: string): void {
    const { bars, begun } = this.roll!;
    pen.textAlign = "left";
    pen.textBaseline = "alphabetic";
    pen.fillStyle = ink;
    const apart = bars.length > 1 ? (bars[1]! - bars[0]!) * this.span.zoom : 100;
    const every = Math.max(1, Math.ceil(28 / apart));
    bars.forEach((start, n) => {
      const x = this.x(start);
      pen.globalAlpha = 0.3;
      pen.fillRect(x, 0, 1, height - FOOT);
      pen.globalAlpha = 1;
      const last = n === bars.length - 1 && start >= this.roll!.duration - 1e-6;
      if (n % every === 0 && !last) pen.fillText(String(n + 1), x + 3, height - 6);
    });
    if (begun > 0) {
      pen.globalAlpha = 0.12;
      pen.fillRect(GUTTER, 0, Math.max(0, this.x(begun) - GUTTER), height - FOOT);
      pen.globalAlpha = 1;
    }
  }

  private drawOver(): void {
    const pen = this.over.getContext("2d")!;
    pen.clearRect(0, 0, this.size.width, this.size.height);
    const x = this.x(this.position);
    if (!this.dress || !this.roll || x < GUTTER - 1 || x > this.size.width) return;
    pen.fillStyle = this.dress.inks.second;
    pen.fillRect(x - 1, 0, 2, this.size.height - FOOT);
  }

  private point(event: PointerEvent): void {
    const x = event.clientX - this.box.getBoundingClientRect().left - GUTTER;
    if (event.button > 0 || !this.roll) return;
    this.seek(this.span.from + Math.max(0, x) / this.span.zoom);
  }

  private seek(seconds: number): void {
    this.listeners.sought?.(Math.max(0, Math.min(seconds, this.roll?.duration ?? 0)));
  }

  private wheel(event: WheelEvent): void {
    if (event.ctrlKey) {
      event.preventDefault();
      const at = event.clientX - this.box.getBoundingClientRect().left - GUTTER;
      this.look(zoomed(this.span, 1.0015 ** -event.deltaY, at));
    } else if (event.deltaX || event.shiftKey) {
      event.preventDefault();
      const by = (event.deltaX || event.deltaY) / this.span.zoom;
      this.look({ ...this.span, from: this.span.from + by });
    }
  }

  private key(event: KeyboardEvent): void {
    const bars = this.roll?.bars ?? [];
    const step = bars.length > 1 ? (bars[1]! - bars[0]!) / 4 : 0.5;
    const actions: Record<string, () => void> = {
      ArrowLeft: () => this.seek(this.position - step),
      ArrowRight: () => this.seek(this.position + step),
      PageDown: () => this.seek(this.position + 4 * step),
      PageUp: () => this.seek(this.position - 4 * step),
      Home: () => this.seek(0),
      End: () => this.seek(this.roll?.duration ?? 0),
      "+": () => this.zoom(1.5),
      "-": () => this.zoom(1 / 1.5),
      "0": () => this.fit(),
      " ": () => this.listeners.toggled?.(),
    };
    const action = event.ctrlKey || event.metaKey ? undefined : actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }
}
