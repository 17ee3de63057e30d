/** What is asked of a classifier of series in the Worker: its file read, classes told and explained. */

import { configError } from "../../../../../kernel/src/errors.ts";
import { Classifier, likeliest } from "../../../../../kernel/src/series/classifier.ts";
import { readLabelled, type Labelled } from "../../../../../kernel/src/series/labelled.ts";
import type { ClassAnswer, Moments } from "../../series.ts";
import { Brought, textOf } from "./brought.ts";

export { Classifier };

/** Series that an answer tells one by one. */
const LISTED = 5000;

/** Of a file one series after the other is asked about. */
const brought = new Brought((text, name, { label, channels }: Classifier["columns"]) =>
  readLabelled(text, name, label, channels),
);

const dataOf = (model: Classifier, id: string): Promise<Labelled> => brought.of(id, model.columns);

/** What is in a file, in words and numbers. Throws FormatError where it holds no labelled series. */
export async function surveyed(name: string, file: Blob): Promise<Record<string, unknown>> {
  const { channels, series } = readLabelled(await textOf(name, file), name);
  const lengths = series.map(({ length }) => length);
  const classes: Record<string, number> = {};
  for (const { label } of series) classes[label] = (classes[label] ?? 0) + 1;
  const [shortest, longest] = [
    lengths.reduce((a, b) => Math.min(a, b)),
    lengths.reduce((a, b) => Math.max(a, b)),
  ];
  return { series: lengths.length, shortest, longest, channels, classes };
}

export async function classified(model: Classifier, id: string): Promise<ClassAnswer> {
  const data = await dataOf(model, id);
  const shares = model.probabilities(data);
  const scores = model.score(data, shares);
  return {
    classes: [...model.classes],
    accuracy: scores?.accuracy ?? null,
    f1: scores?.f1 ?? null,
    confusion: scores?.confusion ?? null,
    per_class: scores?.per_class ?? null,
    series: data.series.slice(0, LISTED).map(({ label, length }, n) => {
      const said = likeliest(shares[n]!);
      return {
        label: label || null,
        said: model.classes[said]!,
        probability: shares[n]![said]!,
        length,
      };
    }),
    count: shares.length,
  };
}

export async function explained(model: Classifier, id: string, row: number): Promise<Moments> {
  const data = await dataOf(model, id);
  const series = data.series[row];
  if (!series)
    throw configError(`row is ${row}, but there are ${data.series.length} series.`, "row");
  const [shares] = model.probabilities({ ...data, series: [series] });
  const said = likeliest(shares!);
  return {
    row,
    label: series.label || null,
    said: model.classes[said]!,
    probabilities: Array.from(shares!),
    values: Array.from({ length: data.channels }, (_, c) =>
      Array.from({ length: series.length }, (_, t) => {
        const value = series.values[t * data.channels + c]!;
        return Number.isNaN(value) ? null : value;
      }),
    ),
    saliency: model.saliency(series, data.channels, said),
  };
}
