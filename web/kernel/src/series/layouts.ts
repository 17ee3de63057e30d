/** Series from tables: which column means what is said, or recognised: tasks/series/read.py. */

import { formatError } from "../errors.ts";
import { buildPanel, type Panel, type Rows } from "./panel.ts";
import {
  isNumber,
  looksDated,
  MISSING,
  numbers,
  place,
  readTable,
  title,
  type Table,
} from "./tables.ts";
import { parseDates } from "./written.ts";

/** `ColumnOptions` of tasks/series/options.py, as far as they count here. */
export interface Columns {
  id_column: string;
  time_column: string;
  target_column: string;
  layout: string;
  frequency: string | null;
  /** How dates are written, as %d.%m.%Y; null: as they look. */
  date_format: string | null;
  /** Covariates: known up to now, into the future, and of a whole series. */
  past: readonly string[];
  future: readonly string[];
  static: readonly string[];
}

export const COLUMNS: Columns = {
  id_column: "unique_id",
  time_column: "ds",
  target_column: "y",
  layout: "auto",
  frequency: null,
  date_format: null,
  past: [],
  future: [],
  static: [],
};

type Layout = (table: Table, columns: Columns) => Rows;

/** Read series from a table. Throws FormatError where its columns cannot be told apart. */
export function readPanel(text: string, name: string, columns: Columns = COLUMNS): Panel {
  const table = readTable(text, name);
  if (!table.columns[0]?.length) throw formatError(`${name} has a header, but no rows.`);
  const layout = columns.layout === "auto" ? recognise(table, columns) : columns.layout;
  const rows = (LAYOUTS[layout] ?? single)(table, columns);
  return buildPanel(rows, name, columns.frequency);
}

const numeric = (cells: readonly string[]): boolean => {
  const sample = cells.slice(0, 1000).filter((cell) => !MISSING.has(cell.toLowerCase()));
  return sample.length > 0 && sample.every(isNumber);
};

/** Whether a column counts: whole numbers, each one more than the one before. */
const rises = (cells: readonly string[]): boolean => {
  const sample = cells.slice(0, 1000);
  return (
    sample.length > 1 &&
    sample.every((cell) => /^\d+$/.test(cell)) &&
    sample.every((cell, n) => !n || Number(cell) - Number(sample[n - 1]) === 1)
  );
};

/** How a table is laid out. Throws FormatError where that cannot be told. */
export function recognise(table: Table, columns: Columns): string {
  const header = table.header ?? [];
  if (header.includes(columns.target_column)) {
    return header.includes(columns.id_column) ? "long" : "single";
  }
  if (table.columns.length === 1) return "single";
  if (header.length && header.every((name) => /^V\d+$/.test(name))) return "rows";
  const [first, ...rest] = table.columns as [string[], ...string[][]];
  const are = rest.map(numeric);
  const named = !numeric(first);
  if (header.length && named && header.slice(1).every((name) => /^\d+$/.test(name))) return "rows";
  const date = looksDated(first[0]!);
  if (!header.length && named && !date && are.every(Boolean)) return "rows";
  if ((date || /^\d{4}[- ]?Q[1-4]$/.test(first[0]!)) && are.some(Boolean)) {
    return rest.length === 1 ? "single" : "wide";
  }
  if (!named && are.every(Boolean)) return rest.length === 1 && rises(first) ? "single" : "wide";
  const shown = header.length ? header.slice(0, 8).join(", ") : `${table.columns.length} columns`;
  throw formatError(
    `${table.name} holds ${shown}: it cannot be told which column is what; name them (id_column, ` +
      "time_column, target_column), or say the layout: long, wide, rows or single.",
  );
}

function times(table: Table, column: number, { date_format }: Columns): Rows["stamps"] {
  const cells = table.columns[column]!;
  if (!date_format && cells.slice(0, 1000).every(isNumber)) {
    return { values: numbers(table, column), dated: false };
  }
  const where = `${table.name}, ${title(table, column)}`;
  return { values: parseDates(cells, where, date_format), dated: true };
}

/** The columns that are read beside the values. */
function covariates(table: Table, columns: Columns): Pick<Rows, "past" | "future"> {
  const read = (name: string): Float64Array => numbers(table, place(table, name));
  return { past: columns.past.map(read), future: columns.future.map(read) };
}

const long: Layout = (table, columns) => ({
  ids: table.columns[place(table, columns.id_column)]!,
  stamps: table.header?.includes(columns.time_column)
    ? times(table, place(table, columns.time_column), columns)
    : null,
  y: numbers(table, place(table, columns.target_column)),
  ...covariates(table, columns),
  fixed: new Map(
    columns.static.map((name) => {
      const cells = table.columns[place(table, name)]!;
      return [name, numeric(cells) ? numbers(table, place(table, name)) : cells];
    }),
  ),
});

const single: Layout = (table, columns) => {
  const header = table.header ?? [];
  let target = header.indexOf(columns.target_column);
  if (target < 0) target = table.columns.length - 1;
  const timed = header.indexOf(columns.time_column);
  let stamps: Rows["stamps"] = null;
  if (timed >= 0) stamps = times(table, timed, columns);
  else if (table.columns.length === 2 && target === 1) stamps = times(table, 0, columns);
  const name = header[target];
  const shown = name && name !== columns.target_column ? name : "series";
  const y = numbers(table, target);
  return { ids: Array.from(y, () => shown), stamps, y, ...covariates(table, columns) };
};

/** A column a series; columns named as covariates belong to all of them. */
const wide: Layout = (table, columns) => {
  const first = table.columns[0]!;
  let timed = table.header?.indexOf(columns.time_column) ?? -1;
  if (timed < 0 && (looksDated(first[0]!) || (table.header && rises(first)))) timed = 0;
  const shared = new Set([...columns.past, ...columns.future]);
  const chosen = table.columns.flatMap((cells, n) =>
    n !== timed &&
    !shared.has(title(table, n)) &&
    cells.some((cell) => !MISSING.has(cell.toLowerCase()))
      ? [n]
      : [],
  );
  if (!chosen.length) {
    throw formatError(`${table.name} has no column of values beside the times.`);
  }
  const count = first.length;
  const stamps =
    timed >= 0
      ? times(table, timed, columns)!
      : { values: Float64Array.from({ length: count }, (_, n) => n), dated: false };
  const all = chosen.map((n) => numbers(table, n));
  const again = (column: Float64Array): Float64Array =>
    Float64Array.from({ length: count * all.length }, (_, n) => column[n % count]!);
  const { past, future } = covariates(table, columns);
  return {
    ids: chosen.flatMap((n) => new Array<string>(count).fill(title(table, n))),
    stamps: { values: again(stamps.values), dated: stamps.dated },
    y: Float64Array.from(
      { length: count * all.length },
      (_, n) => all[Math.floor(n / count)]![n % count]!,
    ),
    past: past!.map(again),
    future: future!.map(again),
  };
};

/** A row a series, its name first; rows may end early. */
const rows: Layout = (table) => {
  const values = table.columns.slice(1).map((_, n) => numbers(table, n + 1));
  const [ids, stamps, y]: [string[], number[], number[]] = [[], [], []];
  table.columns[0]!.forEach((name, row) => {
    const count = values.findLastIndex((column) => Number.isFinite(column[row]!)) + 1;
    for (let n = 0; n < count; n++) {
      ids.push(name);
      stamps.push(n + 1);
      y.push(values[n]![row]!);
    }
  });
  return {
    ids,
    stamps: { values: Float64Array.from(stamps), dated: false },
    y: Float64Array.from(y),
  };
};

const LAYOUTS: Record<string, Layout> = { long, wide, rows, single };
