/** Tables of text, CSV and its relatives, read whole: formats/tables.py. */

import { formatError } from "../errors.ts";

const DELIMITERS = [",", ";", "\t", "|"];
/** What stands where a value is missing, in lower case. */
export const MISSING = new Set(["", "na", "n/a", "nan", "null", "none", "-", "?", "."]);
const MOST_CELLS = 2 ** 28;
const NUMBER = /^[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?$/;
const DATED = /^(\d{4}[-/]\d{1,2}($|[-/T ])|\d{1,4}([-/.])\d{1,2}\3\d{1,4}($|\D)|\d{1,2}:\d\d)/;
const INFINITE = /^[+-]?inf(inity)?$/i;
const POINT = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** Whether a cell is a number. */
export const isNumber = (cell: string): boolean => NUMBER.test(cell) || INFINITE.test(cell);

/** Whether a cell has the shape of a date or a time. */
export const looksDated = (cell: string): boolean => DATED.test(cell);

/** A cell as a number, as Python's float reads it; null where it is none. */
export function asNumber(cell: string): number | null {
  if (POINT.test(cell)) return Number(cell);
  if (/^[+-]?nan$/i.test(cell)) return NaN;
  return INFINITE.test(cell) ? (cell.startsWith("-") ? -Infinity : Infinity) : null;
}

export interface Table {
  /** What messages call it. */
  name: string;
  header: string[] | null;
  /** Cells without the blanks around them; a row that ends early has empty ones. */
  columns: string[][];
  /** Number of the first row under the header, from 1. */
  firstLine: number;
}

/** The number of a column. Throws FormatError where there is none. */
export function place({ name, header }: Table, wanted: string): number {
  const found = header?.indexOf(wanted) ?? -1;
  if (found >= 0) return found;
  const named = header ? header.slice(0, 8).join(", ") : "no header";
  throw formatError(`${name} has no column '${wanted}'; it has ${named}.`);
}

/** What a column is called. */
export const title = ({ header }: Table, column: number): string =>
  header ? header[column]! : `column ${column + 1}`;

/** A column as numbers, NaN where a value is missing. Throws FormatError with the line. */
export function numbers(table: Table, column: number): Float64Array {
  const called = title(table, column);
  const found = Float64Array.from(table.columns[column]!, (cell, row) => {
    const value = MISSING.has(cell.toLowerCase())
      ? NaN
      : (asNumber(cell) ?? asNumber(cell.replaceAll(",", ".")));
    if (value !== null) return value;
    const shown = cell.length <= 40 ? cell : `${cell.slice(0, 37)}...`;
    throw formatError(
      `${table.name}, line ${table.firstLine + row}: ${called} is '${shown}', which is no number; ` +
        "correct it, or leave the cell empty where the value is missing.",
    );
  });
  const infinite = found.findIndex((value) => Math.abs(value) === Infinity);
  if (infinite < 0) return found;
  throw formatError(
    `${table.name}, line ${table.firstLine + infinite}: ${called} is infinite; correct the value, ` +
      "or leave the cell empty.",
  );
}

/** Read rows: comma, semicolon, tab or bar between cells. Throws FormatError where it is no table. */
export function readTable(text: string, name: string): Table {
  const rows = rowsOf(text);
  const width = rows.reduce((most, row) => Math.max(most, row.length), 0);
  if (!width) throw formatError(`${name} is empty.`);
  if (width * rows.length > MOST_CELLS) {
    throw formatError(`${name} has ${rows.length} rows of ${width} cells: too many.`);
  }
  const trimmed = (row: string[]): string[] => row.map((cell) => cell.trim());
  const first = trimmed(rows[0]!);
  while (first.length < width) first.push("");
  const header = isHeader(first, rows[1] ? trimmed(rows[1]) : null);
  const body = header ? rows.slice(1) : rows;
  const columns = Array.from({ length: width }, (_, n) => body.map((row) => (row[n] ?? "").trim()));
  const titles = first.map((cell, n) => cell || `column ${n + 1}`);
  return { name, header: header ? titles : null, columns, firstLine: header ? 2 : 1 };
}

function rowsOf(text: string): string[][] {
  const head = text
    .slice(0, 65536)
    .split(/\r\n|\r|\n/)
    .slice(0, 50);
  const counts = DELIMITERS.map((mark) =>
    head.reduce((sum, line) => sum + line.split(mark).length - 1, 0),
  );
  let best = counts.indexOf(Math.max(...counts));
  // Beside decimal commas.
  if (counts[1] && counts[1] >= head.filter(Boolean).length) best = 1;
  const rows = cellsOf(text, DELIMITERS[best]!).filter((row) => row.join("").trim());
  if (counts[best] || !rows.length || rows.some((row) => row.length !== 1)) return rows;
  // Columns set apart by blanks, as in many files of measurements.
  const split = rows.map((row) => row[0]!.trim().split(/\s+/));
  const last = split.at(-1)!;
  const even = split.slice(1).every((row) => row.length === last.length);
  return last.length > 1 && even && last.every(isNumber) ? split : rows;
}

/** The cells of every row; quotes hold what would end a cell, doubled quotes are one. */
function cellsOf(text: string, delimiter: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let [cell, quoted] = ["", false];
  const end = (): void => {
    row.push(cell);
    cell = "";
  };
  for (let at = 0; at < text.length; at++) {
    const mark = text[at]!;
    if (quoted) {
      if (mark !== '"') cell += mark;
      else if (text[at + 1] === '"') cell += text[++at]!;
      else quoted = false;
    } else if (mark === '"' && !cell) quoted = true;
    else if (mark === delimiter) end();
    else if (mark === "\n" || mark === "\r") {
      if (mark === "\r" && text[at + 1] === "\n") at++;
      end();
      rows.push(row);
      row = [];
    } else cell += mark;
  }
  if (cell || row.length) {
    end();
    rows.push(row);
  }
  return rows;
}

/** Whether the first row names columns: it has words where the row below has numbers. */
function isHeader(first: string[], second: string[] | null): boolean {
  const count = first.filter(isNumber).length;
  const words = first.filter((cell) => cell && !isNumber(cell) && !looksDated(cell)).length;
  if (!count && words) return !second || second.some((cell) => isNumber(cell) || looksDated(cell));
  if (!second || !words) return false;
  // "ds,2019,2020": mostly words, over a row that is mostly numbers.
  const below = second.filter((cell) => isNumber(cell) || MISSING.has(cell.toLowerCase())).length;
  return words > count && below > count;
}
