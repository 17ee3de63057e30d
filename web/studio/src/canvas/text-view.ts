/**
 * Coloured text of any length at the speed of the screen.
 *
 * Only the lines in sight are in the page: each is real text over a small canvas of its own, so the
 * browser scrolls them by itself, and a change of colour repaints some fifty lines. The text can be
 * read with the arrow keys, selected with the pointer or Shift, and copied.
 */

import { Layout } from "./layout.ts";
import { type Content, type Inks, type Metrics, RowView, rowHeight } from "./row.ts";

export interface Listeners {
  /** The cursor went to a token, by pointer (hovering, if nothing is pinned) or by key. */
  moved?(token: number, by: "pointer" | "key"): void;
  /** A token was clicked, or Enter pressed on it. */
  chosen?(token: number): void;
  /** Tokens were selected, or no longer. */
  selected?(range: [number, number] | null): void;
  /** The pointer rests on a token, or left the text (-1). */
  hovered?(token: number): void;
}

const OVERSCAN = 4;
const MOVES = new Set([
  "ArrowLeft",
  "ArrowRight",
  "ArrowUp",
  "ArrowDown",
  "Home",
  "End",
  "PageUp",
  "PageDown",
]);

export class TextView {
  private readonly scroller = document.createElement("div");
  private readonly sheet = document.createElement("div");
  private readonly ruler = document.createElement("span");
  private readonly caret = document.createElement("div");
  private readonly rows = new Map<number, RowView>();
  private readonly spare: RowView[] = [];
  private readonly observer: ResizeObserver;
  private layout = new Layout(80);
  private metrics: Metrics;
  private width = 0;
  private frame = 0;
  private stale = true;
  private changed = 0;
  private anchor = -1;
  private here = -1;
  private content: Content = {
    tokens: [],
    colour: () => null,
    underline: () => null,
    guesses: null,
    guessColour: () => null,
    selection: null,
    inks: { ink: "#000", soft: "#666", accent: "#06c", second: "#a40" },
  };
  /** Whether the text stays scrolled to its end while it grows. */
  follow = false;

  constructor(
    host: HTMLElement,
    label: string,
    private readonly listeners: Listeners = {},
  ) {
    this.scroller.className = "coloured-text";
    this.scroller.tabIndex = 0;
    this.scroller.setAttribute("role", "application");
    this.scroller.setAttribute("aria-roledescription", "text");
    this.scroller.setAttribute("aria-label", label);
    this.sheet.className = "sheet";
    this.ruler.className = "ruler";
    this.ruler.setAttribute("aria-hidden", "true");
    this.ruler.textContent = "0".repeat(100);
    this.caret.className = "caret";
    this.caret.hidden = true;
    this.sheet.append(this.ruler, this.caret);
    this.scroller.append(this.sheet);
    host.append(this.scroller);
    this.metrics = this.measure();
    this.scroller.addEventListener("scroll", () => this.later(), { passive: true });
    this.scroller.addEventListener("keydown", (event) => this.key(event));
    this.scroller.addEventListener("copy", (event) => this.copy(event));
    this.scroller.addEventListener("pointerdown", (event) => this.press(event));
    this.scroller.addEventListener("pointermove", (event) => this.hover(event));
    this.scroller.addEventListener("pointerleave", () => this.listeners.hovered?.(-1));
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(this.scroller);
    this.resized();
  }

  destroy(): void {
    cancelAnimationFrame(this.frame);
    this.observer.disconnect();
    this.scroller.remove();
  }

  get cursor(): number {
    return this.here;
  }

  focus(): void {
    this.scroller.focus({ preventScroll: true });
  }

  /** Say what the text is called, and by which element it is described. */
  describe(label: string, by?: string): void {
    this.scroller.setAttribute("aria-label", label);
    if (by) this.scroller.setAttribute("aria-describedby", by);
  }

  /** Show tokens. Those before number `from` are the ones that are there already. */
  setTokens(tokens: readonly string[], from = 0): void {
    this.content.tokens = tokens;
    this.changed = Math.min(this.changed, from);
    if (this.here >= tokens.length) this.setCursor(-1);
    if (this.content.selection && this.content.selection[1] > tokens.length) this.select(null);
    this.later();
  }

  /** Change what is drawn behind, under and below the text. */
  decorate(change: Partial<Omit<Content, "tokens" | "selection">>): void {
    const strip = change.guesses !== undefined && !change.guesses !== !this.content.guesses;
    Object.assign(this.content, change);
    this.stale = true;
    if (strip) this.restack();
    this.later();
  }

  setInks(inks: Inks): void {
    this.content.inks = inks;
    this.stale = true;
    this.later();
  }

  setCursor(token: number, reveal = false): void {
    this.here = token;
    if (reveal && token >= 0) this.reveal(token);
    this.later();
  }

  select(range: [number, number] | null): void {
    const before = this.content.selection;
    if (before?.[0] === range?.[0] && before?.[1] === range?.[1]) return;
    this.content.selection = range;
    this.stale = true;
    this.listeners.selected?.(range);
    this.later();
  }

  /** Scroll so that a token is in sight. */
  reveal(token: number): void {
    this.flush();
    const row = this.layout.rowOf[token];
    if (row === undefined) return;
    const height = rowHeight(this.metrics);
    const [top, view] = [row * height, this.scroller.clientHeight];
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    else if (top + height > this.scroller.scrollTop + view) {
      this.scroller.scrollTop = top + height - view + 12;
    }
  }

  /** Where a token is on the screen, or null where it is scrolled away. */
  rectOf(token: number): DOMRect | null {
    this.flush();
    const row = this.layout.rowOf[token];
    if (row === undefined) return null;
    const box = this.sheet.getBoundingClientRect();
    const pad = parseFloat(getComputedStyle(this.sheet).paddingLeft);
    const { cell, line } = this.metrics;
    const top = box.top + row * rowHeight(this.metrics);
    const frame = this.scroller.getBoundingClientRect();
    if (top + line < frame.top || top > frame.bottom) return null;
    const left = box.left + pad + this.layout.columnOf[token]! * cell;
    return new DOMRect(left, top, this.layout.cells[token]! * cell, line);
  }

  private measure(): Metrics {
    const style = getComputedStyle(this.ruler);
    const size = parseFloat(style.fontSize) || 14;
    const guessSize = Math.max(9, Math.round(size * 0.78));
    return {
      cell: this.ruler.getBoundingClientRect().width / 100 || size * 0.6,
      line: Math.round(size * 1.6),
      guess: guessSize + 4,
      guesses: this.content.guesses ? 5 : 0,
      font: `${style.fontSize} ${style.fontFamily}`,
      guessFont: `${guessSize}px ${style.fontFamily}`,
    };
  }

  private restack(): void {
    const top = this.top();
    this.metrics = this.measure();
    for (const row of this.rows.keys()) this.release(row);
    this.stale = true;
    this.keep(top);
  }

  private resized(): void {
    this.metrics = this.measure();
    const style = getComputedStyle(this.sheet);
    const inner = this.scroller.clientWidth - 2 * (parseFloat(style.paddingLeft) || 0);
    if (inner <= 0) return;
    const columns = Math.max(8, Math.floor(inner / this.metrics.cell) - 1);
    this.width = (columns + 1) * this.metrics.cell;
    if (columns !== this.layout.columns) {
      const top = this.top();
      this.layout = new Layout(columns);
      this.changed = 0;
      this.flush();
      this.keep(top);
    }
    this.stale = true;
    this.later();
  }

  /** The first token in sight, and a way to get it there again after a change of layout. */
  private top(): number {
    const row = Math.floor(this.scroller.scrollTop / rowHeight(this.metrics));
    return this.scroller.scrollTop === 0 ? -1 : (this.layout.rows[row]?.start ?? -1);
  }

  private keep(token: number): void {
    const row = this.layout.rowOf[token];
    this.resize();
    if (row !== undefined) this.scroller.scrollTop = row * rowHeight(this.metrics);
  }

  private resize(): void {
    this.sheet.style.height = `${this.layout.rows.length * rowHeight(this.metrics)}px`;
  }

  private later(): void {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.flush();
      this.show();
    });
  }

  /** Bring the layout up to date with the tokens. */
  private flush(): void {
    const { tokens } = this.content;
    if (this.changed >= tokens.length && this.layout.length === tokens.length) return;
    const atEnd =
      this.scroller.scrollTop + this.scroller.clientHeight >= this.scroller.scrollHeight - 8;
    const first = this.layout.place(tokens, this.changed);
    this.changed = tokens.length;
    for (const row of this.rows.keys()) if (row >= first) this.release(row);
    this.resize();
    if (this.follow && atEnd) this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  private release(row: number): void {
    const view = this.rows.get(row);
    if (!view) return;
    this.rows.delete(row);
    view.element.remove();
    this.spare.push(view);
  }

  /** Draw the lines in sight. */
  private show(): void {
    const height = rowHeight(this.metrics);
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / height) - OVERSCAN);
    const seen = Math.ceil(this.scroller.clientHeight / height);
    const last = Math.min(this.layout.rows.length, first + seen + 2 * OVERSCAN);
    for (const row of this.rows.keys()) if (row < first || row >= last) this.release(row);
    for (let row = first; row < last; row++) {
      const known = this.rows.get(row);
      if (known && !this.stale) continue;
      const view = known ?? this.spare.pop() ?? new RowView();
      view.draw(this.layout.rows[row]!, this.layout, this.content, this.metrics, this.width);
      view.element.style.transform = `translateY(${row * height}px)`;
      if (known) continue;
      this.rows.set(row, view);
      this.sheet.append(view.element);
    }
    this.stale = false;
    this.placeCaret(height);
  }

  private placeCaret(height: number): void {
    const row = this.layout.rowOf[this.here];
    this.caret.hidden = row === undefined;
    if (row === undefined) return;
    const { cell, line } = this.metrics;
    this.caret.style.transform = `translate(${this.layout.columnOf[this.here]! * cell}px, ${row * height}px)`;
    this.caret.style.width = `${this.layout.cells[this.here]! * cell}px`;
    this.caret.style.height = `${line}px`;
  }

  private tokenAt(event: PointerEvent): number {
    const box = this.sheet.getBoundingClientRect();
    const pad = parseFloat(getComputedStyle(this.sheet).paddingLeft);
    const y = event.clientY - box.top;
    const row = Math.floor(y / rowHeight(this.metrics));
    if (row < 0 || row >= this.layout.rows.length) return -1;
    return this.layout.at(row, Math.floor((event.clientX - box.left - pad) / this.metrics.cell));
  }

  private go(token: number, by: "pointer" | "key"): void {
    if (token === this.here || token < 0) return;
    this.setCursor(token, by === "key");
    this.listeners.moved?.(token, by);
  }

  private key(event: KeyboardEvent): void {
    if (event.key === "Enter" && this.here >= 0) this.listeners.chosen?.(this.here);
    else if (event.key === "Escape" && this.content.selection) this.select(null);
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) {
      this.select([0, this.content.tokens.length]);
    } else if (MOVES.has(event.key) && !event.altKey && !event.metaKey) this.step(event);
    else return;
    event.preventDefault();
  }

  private step(event: KeyboardEvent): void {
    this.flush();
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / rowHeight(this.metrics)) - 1);
    const far = event.ctrlKey && (event.key === "Home" || event.key === "End");
    const to = far
      ? event.key === "Home"
        ? 0
        : this.content.tokens.length - 1
      : this.layout.move(this.here, event.key, page);
    if (event.shiftKey) {
      if (this.anchor < 0) this.anchor = Math.max(0, this.here);
      this.select([Math.min(this.anchor, to), Math.max(this.anchor, to) + 1]);
    } else this.anchor = -1;
    this.go(to, "key");
  }

  private copy(event: ClipboardEvent): void {
    const range = this.content.selection;
    if (!range) return;
    event.clipboardData?.setData("text/plain", this.content.tokens.slice(...range).join(""));
    event.preventDefault();
  }

  /** A click chooses a token; a drag selects. */
  private press(event: PointerEvent): void {
    const from = this.tokenAt(event);
    // A finger scrolls; only a mouse or pen selects by dragging.
    if (event.button !== 0 || from < 0) return;
    const drags = event.pointerType !== "touch";
    let to = from;
    const move = (moved: PointerEvent): void => {
      const at = this.tokenAt(moved);
      if (at < 0 || !drags || (at === from && to === from)) return;
      to = at;
      this.select([Math.min(from, to), Math.max(from, to) + 1]);
    };
    const release = (lifted: PointerEvent): void => {
      window.removeEventListener("pointermove", move);
      window.removeEventListener("pointerup", release);
      window.removeEventListener("pointercancel", release);
      if (lifted.type === "pointercancel" || to !== from || this.tokenAt(lifted) !== from) return;
      this.select(null);
      this.anchor = -1;
      this.go(from, "pointer");
      // Lifting the pointer closes open popovers, only then may another one open.
      setTimeout(() => this.listeners.chosen?.(from));
    };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", release);
    window.addEventListener("pointercancel", release);
  }

  private hover(event: PointerEvent): void {
    if (event.pointerType === "touch" || event.buttons) return;
    this.listeners.hovered?.(this.tokenAt(event));
  }
}
