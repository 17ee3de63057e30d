/** Dates as they are written in tables, read as formats/dates.py reads them. */

import { formatError } from "../errors.ts";

const ISO =
  /^(\d{4})-(\d\d)(?:-(\d\d)(?:[T ](\d\d)(?::?(\d\d)(?::?(\d\d))?)?(Z|[+-]\d\d:?\d\d)?)?)?$/;
const ZONED = /\d(Z|[+-]\d\d:?\d\d)$/;
const QUARTER = /^(\d{4})[- ]?Q([1-4])$/;
const DATES = [
  ...["%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y", "%Y%m%d"],
  ...["%m/%d/%y", "%d/%m/%y", "%b %d, %Y", "%d %b %Y", "%B %Y", "%b %Y", "%b-%Y", "%Y-%b"],
];
/** The usual ways to write a date. */
const PATTERNS = DATES.flatMap((date) => ["", " %H:%M", " %H:%M:%S"].map((time) => date + time));

const MONTHS =
  "january february march april may june july august september october november december".split(
    " ",
  );
const DAYS = "monday tuesday wednesday thursday friday saturday sunday".split(" ");
const short = (names: readonly string[]): string => names.map((name) => name.slice(0, 3)).join("|");
/** What `datetime.strptime` takes for each directive, in the order in which it tries. */
const DIRECTIVES: Record<string, string> = {
  d: "3[0-1]|[1-2]\\d|0[1-9]|[1-9]| [1-9]",
  m: "1[0-2]|0[1-9]|[1-9]",
  Y: "\\d{4}",
  y: "\\d\\d",
  b: short(MONTHS),
  B: [...MONTHS].sort((a, b) => b.length - a.length).join("|"),
  a: short(DAYS),
  A: [...DAYS].sort((a, b) => b.length - a.length).join("|"),
  H: "2[0-3]|[0-1]\\d|\\d",
  I: "1[0-2]|0[1-9]|[1-9]| [1-9]",
  p: "am|pm",
  M: "[0-5]\\d|\\d",
  S: "6[0-1]|[0-5]\\d|\\d",
  f: "\\d{1,6}",
  j: "36[0-6]|3[0-5]\\d|[1-2]\\d\\d|0[1-9]\\d|00[1-9]|[1-9]\\d|0[1-9]|[1-9]",
};

/** Seconds since 1970 of a moment; null where there is none such. */
function moment(
  [year, month, day]: readonly [number, number, number],
  [hour, minute, second]: readonly [number, number, number],
): number | null {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const there = year > 0 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  if (!there || hour > 23 || minute > 59 || second > 59) return null;
  return date.getTime() / 1000 + (hour * 60 + minute) * 60 + second;
}

function isoMoment(cell: string, zoned: boolean): number | null {
  const match = ISO.exec(cell);
  if (!match || (match[7] && !zoned)) return null;
  const [year, month, day, hour, minute, second] = Array.from({ length: 6 }, (_, n) =>
    Number(match[n + 1] ?? (n === 2 ? 1 : 0)),
  ) as [number, number, number, number, number, number];
  const found = moment([year, month, day], [hour, minute, second]);
  const zone = /^([+-])(\d\d):?(\d\d)$/.exec(match[7] ?? "");
  const ahead = zone ? Number(`${zone[1]}1`) * (Number(zone[2]) * 60 + Number(zone[3])) * 60 : 0;
  return found === null ? null : found - ahead;
}

/** Reads a cell as one pattern has it; null where it is not written so. */
type Reader = (cell: string) => number | null;

/** What reads dates written as a pattern of `strptime`. Throws FormatError for what it has beside. */
function readerOf(pattern: string): Reader {
  const names: string[] = [];
  const source = pattern
    .replace(/[\\.^$*+?(){}[\]|]/g, "\\$&")
    .replace(/\s+/g, "\\s+")
    .replace(/%(.?)/g, (whole, name: string) => {
      if (name === "%") return "%";
      const taken = DIRECTIVES[name];
      if (taken === undefined || names.includes(name)) {
        throw formatError(
          `dates written as '${pattern}' are read on your computer; the browser alone knows no ` +
            `'${whole}' there.`,
        );
      }
      names.push(name);
      return `(${taken})`;
    });
  const form = new RegExp(`^${source}`, "i");
  return (cell) => {
    const match = form.exec(cell);
    if (!match || match[0].length !== cell.length) return null;
    const said = new Map(names.map((name, n) => [name, match[n + 1]!.toLowerCase()]));
    const number = (name: string, otherwise: number): number => Number(said.get(name) ?? otherwise);
    let year = number("Y", 1900);
    if (said.has("y")) year = number("y", 0) + (number("y", 0) <= 68 ? 2000 : 1900);
    let month = number("m", 1);
    const named = said.get("b") ?? said.get("B");
    if (named) month = MONTHS.findIndex((name) => name.startsWith(named)) + 1;
    let hour = number("H", 0);
    if (said.has("I")) hour = (number("I", 0) % 12) + (said.get("p") === "pm" ? 12 : 0);
    const clock = [hour, number("M", 0), number("S", 0)] as const;
    if (!said.has("j")) return moment([year, month, number("d", 1)], clock);
    const start = moment([year, 1, 1], clock);
    return start === null ? null : start + (number("j", 1) - 1) * 86400;
  };
}

/** All cells as a reader has them; null where it has one of them not. */
function all(cells: readonly string[], reader: Reader): Float64Array | null {
  const found = new Float64Array(cells.length);
  for (const [row, cell] of cells.entries()) {
    const value = reader(cell);
    if (value === null) return null;
    found[row] = value;
  }
  return found;
}

/** Every cell by a reader. Throws FormatError with the first that it has not. */
function each(cells: readonly string[], where: string, what: string, reader: Reader): Float64Array {
  return Float64Array.from(cells, (cell, row) => {
    const value = reader(cell);
    if (value !== null) return value;
    throw formatError(`${where}: '${cell.slice(0, 40)}' in row ${said(row + 1)} is no ${what}.`);
  });
}

const said = (number: number): string => number.toLocaleString("en-US");

/**
 * Seconds since 1970 of dates written as text, in UTC where they have a zone. ISO 8601 is read as it
 * is; otherwise the one of the usual ways to write a date is taken that all cells follow.
 *
 * `pattern`: how they are written, as for `strptime`. Throws FormatError where a cell is no date, or
 * the dates can be read in two ways.
 */
export function parseDates(
  cells: readonly string[],
  where: string,
  pattern: string | null = null,
): Float64Array {
  if (pattern !== null) {
    const found = all(cells, readerOf(pattern));
    if (found) return found;
    throw formatError(`${where} is not written as '${pattern}' throughout.`);
  }
  const zoned = (cell: string | undefined): boolean => !!cell && ZONED.test(cell) && /:/.test(cell);
  if (zoned(cells[0]) || zoned(cells.at(-1))) {
    return each(cells, where, "date", (cell) => isoMoment(cell, true));
  }
  if (cells[0] && QUARTER.test(cells[0])) {
    return each(cells, where, "quarter", (cell) => {
      const match = QUARTER.exec(cell);
      return match && moment([Number(match[1]), 3 * Number(match[2]) - 2, 1], [0, 0, 0]);
    });
  }
  const iso = all(cells, (cell) => isoMoment(cell, false));
  if (iso) return iso;
  const readers = PATTERNS.map((name) => [name, readerOf(name)] as const);
  const fits = new Map<string, { name: string; found: Float64Array }>();
  for (const [name, reader] of readers) {
    const found = cells[0] !== undefined && reader(cells[0]) !== null && all(cells, reader);
    if (found) fits.set(found.join(), { name, found });
  }
  const [first] = fits.values();
  if (fits.size > 1) {
    const ways = Array.from(fits.values(), ({ name }) => `'${name}'`).join(" or ");
    throw formatError(`${where} can be read in two ways, as ${ways}; say which is meant.`);
  }
  if (first) return first.found;
  const isDate = (cell: string): boolean =>
    isoMoment(cell, false) !== null || readers.some(([, reader]) => reader(cell) !== null);
  const row = Math.max(
    0,
    cells.findIndex((cell) => !isDate(cell)),
  );
  throw formatError(
    `${where}: '${(cells[row] ?? "").slice(0, 40)}' in row ${said(row + 1)} is no date that is ` +
      "understood; write dates as 2024-12-31 or 2024-12-31 23:59, or say how they are written.",
  );
}
