/** One line of coloured text: real characters over a canvas with what lies behind and below them. */

import type { Layout, Row } from "./layout.ts";
import { shown } from "./numbers.ts";

/** What the cells of a text are measured and drawn with, in CSS pixels. */
export interface Metrics {
  cell: number;
  line: number;
  /** Height of one row of guesses, and how many there are; 0 without them. */
  guess: number;
  guesses: number;
  font: string;
  guessFont: string;
}

export interface Guess {
  token: string;
  probability: number;
}

/** What a row shows. All of it is by number of the token. */
export interface Content {
  tokens: readonly string[];
  /** Colour behind a token; null for none. */
  colour: (token: number) => string | null;
  /** Which ink a line under a token has; null for none. */
  underline: (token: number) => "accent" | "second" | null;
  /** The likeliest tokens after each, likeliest first. */
  guesses: readonly (readonly Guess[])[] | null;
  /** Colour behind a guess of this probability. */
  guessColour: (probability: number) => string | null;
  /** First selected token and the one after the last. */
  selection: readonly [number, number] | null;
  inks: Inks;
}

export interface Inks {
  ink: string;
  soft: string;
  accent: string;
  second: string;
}

/** Scripts beyond these may come from another font, whose glyphs are not as wide. */
const PLAIN = /^[\u0020-\u052f\n\t]*$/;

export function rowHeight(metrics: Metrics): number {
  return metrics.line + (metrics.guesses ? metrics.guesses * metrics.guess + 6 : 0);
}

export class RowView {
  readonly element = document.createElement("div");
  private readonly canvas = document.createElement("canvas");
  private readonly text = document.createElement("div");
  private written = "";

  constructor() {
    this.element.className = "line";
    this.text.className = "glyphs";
    this.canvas.setAttribute("aria-hidden", "true");
    this.element.append(this.canvas, this.text);
  }

  draw(row: Row, layout: Layout, content: Content, metrics: Metrics, width: number): void {
    this.write(row, layout, content.tokens, metrics);
    this.paint(row, layout, content, metrics, width);
  }

  /** Put the characters there, as text, never as markup. */
  private write(row: Row, layout: Layout, tokens: readonly string[], metrics: Metrics): void {
    const line = tokens.slice(row.start, row.end);
    const all = line.join("");
    const key = `${metrics.cell} ${all}`;
    if (key === this.written) return;
    this.written = key;
    const ends = all.endsWith("\n");
    const plain = all.replaceAll("\t", "    ");
    const last = row.end - 1;
    // Tokens that are less or more than their cells, such as parts of a character, need spans.
    const even = layout.columnOf[last]! + layout.cells[last]! === plain.length;
    if (even && PLAIN.test(all) && !all.slice(0, -1).includes("\n")) {
      this.text.replaceChildren(plain.replace(/\n$/, ""));
    } else {
      this.text.replaceChildren(
        ...line.map((token, n) => {
          const cell = document.createElement("span");
          cell.style.width = `${metrics.cell * layout.cells[row.start + n]!}px`;
          cell.textContent = token === "\n" ? "" : token.replace(/[\n\r\t]/g, shown);
          return cell;
        }),
      );
    }
    if (ends) {
      const end = document.createElement("i");
      end.textContent = "↵";
      end.setAttribute("aria-hidden", "true");
      this.text.append(end);
    }
  }

  private paint(row: Row, layout: Layout, c: Content, metrics: Metrics, width: number): void {
    const ratio = window.devicePixelRatio || 1;
    const [w, h] = [Math.round(width * ratio), Math.round(rowHeight(metrics) * ratio)];
    const { canvas } = this;
    if (canvas.width !== w || canvas.height !== h) {
      canvas.width = w;
      canvas.height = h;
    }
    const pen = canvas.getContext("2d")!;
    pen.clearRect(0, 0, w, h);
    // Edges lie on whole device pixels, or neighbours of one colour would show a seam.
    const edge = (cells: number): number => Math.round(cells * metrics.cell * ratio);
    const foot = Math.round(metrics.line * ratio);
    for (let n = row.start; n < row.end; n++) {
      const left = edge(layout.columnOf[n]!);
      const wide = edge(layout.columnOf[n]! + layout.cells[n]!) - left;
      const colour = c.colour(n);
      if (colour) {
        pen.fillStyle = colour;
        pen.fillRect(left, 0, wide, foot);
      }
      if (c.selection && n >= c.selection[0] && n < c.selection[1]) {
        pen.fillStyle = c.inks.accent;
        pen.globalAlpha = 0.22;
        pen.fillRect(left, 0, wide, foot);
        pen.globalAlpha = 1;
        pen.fillRect(left, foot - Math.ceil(2 * ratio), wide, Math.ceil(2 * ratio));
      }
      const under = c.underline(n);
      if (under) {
        pen.fillStyle = c.inks[under];
        pen.fillRect(
          left,
          foot - Math.round(3 * ratio),
          wide,
          Math.max(1, Math.round(1.5 * ratio)),
        );
      }
      if (metrics.guesses && c.guesses) this.guesses(pen, n, left, wide, foot, c, metrics, ratio);
    }
  }

  /** The column of likeliest tokens under one token; the one that came true is in full ink. */
  private guesses(
    pen: CanvasRenderingContext2D,
    token: number,
    left: number,
    wide: number,
    foot: number,
    c: Content,
    metrics: Metrics,
    ratio: number,
  ): void {
    const height = metrics.guess * ratio;
    pen.font = metrics.guessFont.replace(/[\d.]+px/, (size) => `${parseFloat(size) * ratio}px`);
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    const next = c.tokens[token + 1];
    c.guesses?.[token]?.slice(0, metrics.guesses).forEach((guess, k) => {
      const top = Math.round(foot + 2 * ratio + k * height);
      const colour = c.guessColour(guess.probability);
      if (colour) {
        pen.fillStyle = colour;
        pen.fillRect(left, top, wide, Math.ceil(height));
      }
      const right = guess.token === next;
      pen.fillStyle = right ? c.inks.ink : c.inks.soft;
      pen.fillText(shown(guess.token).slice(0, 4), left + wide / 2, top + height / 2 + 1, wide);
      if (right)
        pen.fillRect(left, top + Math.ceil(height) - Math.ceil(ratio), wide, Math.ceil(ratio));
    });
  }
}
