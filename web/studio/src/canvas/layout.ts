/**
 * Where each token of a text stands on a grid of equal cells.
 *
 * Lines break after line ends and, softly, where they are full; a break prefers the place behind the
 * last space. Text that streams in is laid out from the last line break on, never from the start.
 */

export interface Row {
  /** First token and the one after the last. */
  start: number;
  end: number;
}

const TAB = 4;
/** Scripts whose glyphs are two cells wide: CJK, kana, hangul, full-width forms, emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/u;
/** Glyphs that stand on the one before them. */
const MARK = /^\p{M}$/u;

/** How many cells a token takes; a line end takes one, where it is marked. */
export function cellsOf(token: string): number {
  if (token.length === 1) {
    const code = token.charCodeAt(0);
    if (code === 9) return TAB;
    if (code < 0x300) return 1;
  }
  let cells = 0;
  for (const one of token) {
    if (one === "\t") cells += TAB;
    else if (MARK.test(one)) continue;
    else cells += WIDE.test(one) ? 2 : 1;
  }
  return Math.max(1, cells);
}

/** Whether a token ends its line. */
export function endsLine(token: string): boolean {
  return token.endsWith("\n");
}

export class Layout {
  readonly rows: Row[] = [];
  /** Cells of each token. */
  readonly cells: number[] = [];
  /** Row of each token. */
  readonly rowOf: number[] = [];
  /** First cell of each token in its row. */
  readonly columnOf: number[] = [];

  constructor(readonly columns: number) {
    if (!(columns >= 1)) throw new RangeError("a line needs at least one column");
  }

  get length(): number {
    return this.cells.length;
  }

  /**
   * Lay out tokens from number `from` on; those before it stay as they are.
   * Returns the first row that changed.
   */
  place(tokens: readonly string[], from = 0): number {
    let row = 0;
    let start = 0;
    if (from > 0 && this.length > 0) {
      row = this.rowOf[Math.min(from, this.length) - 1]!;
      start = this.rows[row]!.start;
    }
    const first = row;
    this.rows.length = row;
    this.cells.length = this.rowOf.length = this.columnOf.length = start;
    while (start < tokens.length) {
      const end = this.line(tokens, start, row);
      this.rows.push({ start, end });
      start = end;
      row++;
    }
    return first;
  }

  /** Place one line; returns the token after its last. */
  private line(tokens: readonly string[], start: number, row: number): number {
    let column = 0;
    let space = -1;
    for (let n = start; n < tokens.length; n++) {
      const token = tokens[n]!;
      const cells = Math.min(this.columns, cellsOf(token));
      // One cell of white space may hang over the edge, where nobody sees that it does.
      const hangs = (endsLine(token) || token === " ") && column <= this.columns;
      if (column + cells > this.columns && n > start && !hangs) {
        // A break behind the last space, unless that leaves a line more than half empty.
        const end = space > start && this.columnOf[space]! * 2 > this.columns ? space + 1 : n;
        this.cells.length = this.rowOf.length = this.columnOf.length = end;
        return end;
      }
      this.cells[n] = cells;
      this.rowOf[n] = row;
      this.columnOf[n] = column;
      column += cells;
      if (token.endsWith(" ")) space = n;
      if (endsLine(token)) return n + 1;
    }
    return tokens.length;
  }

  /** The token nearest to a cell. */
  at(row: number, column: number): number {
    const line = this.rows[Math.min(this.rows.length - 1, Math.max(0, row))];
    if (!line) return -1;
    for (let n = line.start; n < line.end; n++) {
      if (column < this.columnOf[n]! + this.cells[n]!) return n;
    }
    return line.end - 1;
  }

  /** The token a key moves to from `token`; the same one where there is none. */
  move(token: number, key: string, page = 20): number {
    const last = this.length - 1;
    if (last < 0) return -1;
    const here = Math.min(last, Math.max(0, token));
    const row = this.rowOf[here]!;
    const column = this.columnOf[here]!;
    const line = this.rows[row]!;
    switch (key) {
      case "ArrowLeft":
        return Math.max(0, here - 1);
      case "ArrowRight":
        return Math.min(last, here + 1);
      case "ArrowUp":
        return this.at(row - 1, column);
      case "ArrowDown":
        return this.at(row + 1, column);
      case "PageUp":
        return this.at(row - page, column);
      case "PageDown":
        return this.at(row + page, column);
      case "Home":
        return line.start;
      case "End":
        return line.end - 1;
      default:
        return here;
    }
  }
}
