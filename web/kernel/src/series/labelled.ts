/** Files of labelled series, `.ts` of the UCR and UEA archives and tables: formats/labelled.py. */

import { formatError } from "../errors.ts";
import { asNumber, isNumber, MISSING, numbers, place, readTable } from "./tables.ts";

export interface LabelledSeries {
  length: number;
  /** [length, channels], NaN where a value is missing. */
  values: Float64Array;
  /** Empty where it is not known. */
  label: string;
}

export interface Labelled {
  name: string;
  channels: number;
  series: LabelledSeries[];
}

/**
 * Read labelled series. Of a table, `label` is "first", "last", "auto" or the name of the column of
 * classes, and so many channels take turns in a row. Throws FormatError that says where.
 */
export function readLabelled(text: string, name: string, label = "auto", channels = 1): Labelled {
  const marked = lines(text.slice(0, 65536)).some((line) =>
    line.trim().toLowerCase().startsWith("@data"),
  );
  if (marked || /\.ts$/i.test(name)) return fromTs(text, name);
  return fromTable(text, name, label, channels);
}

const lines = (text: string): string[] => text.split(/\r\n|\r|\n/);

/** A header of lines with @, then a row a series, channels set apart by ':', the class last. */
function fromTs(text: string, name: string): Labelled {
  const series: LabelledSeries[] = [];
  let [labelled, inData, channels] = [true, false, 0];
  lines(text).forEach((whole, n) => {
    const line = whole.trim();
    const where = `${name}, line ${n + 1}`;
    if (!line || line.startsWith("#")) return;
    if (!inData) {
      const [word, said] = line.toLowerCase().split(/\s+/);
      if (word === "@classlabel") labelled = said === "true";
      else if (word === "@timestamps" && said === "true") {
        throw formatError(
          `${name} holds a time beside each value, which is not read here; write the values alone.`,
        );
      }
      inData = word === "@data";
      return;
    }
    const parts = line.split(":");
    const label = labelled ? parts.pop()!.trim() : "";
    const found = parts.map((part) => part.split(",").map((cell) => valueOf(cell.trim(), where)));
    if (!found[0]?.length) throw formatError(`${where} has no values.`);
    const length = found[0].length;
    if (
      found.some((channel) => channel.length !== length) ||
      (channels && found.length !== channels)
    ) {
      throw formatError(`${where}: its channels differ in length or number from those before.`);
    }
    channels = found.length;
    const values = new Float64Array(length * channels);
    found.forEach((channel, c) => channel.forEach((v, t) => (values[t * channels + c] = v)));
    series.push({ length, values, label });
  });
  if (!series.length) throw formatError(`${name} has no series under @data.`);
  return { name, channels, series };
}

function valueOf(cell: string, where: string): number {
  const value = MISSING.has(cell.toLowerCase()) ? NaN : asNumber(cell);
  if (value === null) {
    throw formatError(`${where}: could not convert string to float: '${cell}'.`);
  }
  if (Math.abs(value) === Infinity) throw formatError(`${where}: a value is infinite.`);
  return value;
}

function fromTable(text: string, name: string, label: string, channels: number): Labelled {
  const table = readTable(text, name);
  const count = table.columns.length;
  if (count < 3) {
    throw formatError(
      `${name} has ${count} columns; labelled series have a row each, with a class and the values.`,
    );
  }
  let column = count - 1;
  if (label === "first") column = 0;
  else if (label === "auto") {
    if (classColumn([table.columns[0]!, table.columns[count - 1]!], name) === 0) column = 0;
  } else if (label !== "last") column = place(table, label);
  const kept = table.columns.flatMap((_, n) => (n === column ? [] : [numbers(table, n)]));
  if (kept.length % channels) {
    throw formatError(
      `${name} has ${kept.length} values a row, which ${channels} channels do not share evenly.`,
    );
  }
  const series = table.columns[column]!.map((cell, row): LabelledSeries => {
    const values = Float64Array.from(kept, (one) => one[row]!);
    let end = values.length;
    while (end && Number.isNaN(values[end - 1])) end--;
    const length = Math.max(1, Math.ceil(end / channels));
    return { length, values: values.slice(0, length * channels), label: plain(cell) };
  });
  return { name, channels, series };
}

/** Which of two columns holds classes: words, or few whole numbers. */
function classColumn(candidates: string[][], name: string): number {
  const sizes = candidates.map((cells) => new Set(cells).size);
  const [first, last] = candidates.map((cells, n) => {
    const distinct = [...new Set(cells)];
    const words = !distinct.every(isNumber);
    const whole =
      !words && distinct.every((cell) => Number.isInteger(asNumber(cell.replaceAll(",", "."))));
    const few = sizes[n]! <= Math.max(2, Math.min(100, Math.floor(cells.length / 2)));
    return (words || whole) && few;
  });
  if (first !== last) return first ? 0 : 1;
  if (first) return sizes[0]! < sizes[1]! ? 0 : 1;
  throw formatError(
    `${name}: neither the first nor the last column looks like classes; name the column.`,
  );
}

/** A class as it is written, whole numbers without what makes them fractions. */
function plain(cell: string): string {
  const value = isNumber(cell) ? asNumber(cell.replaceAll(",", ".")) : null;
  return value !== null && Number.isInteger(value) ? String(BigInt(value)) : cell;
}
