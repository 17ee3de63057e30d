/** What is asked of models of numbers. Only their screens import this. */

import type { Scores } from "../../../kernel/src/series/measures.ts";
import type { Place, Progress } from "./place.ts";

export type { Scores };

export interface NumberAnswer {
  number: number;
  probability: number;
}

export interface AskAnswer {
  /** Likeliest first. */
  answers: NumberAnswer[];
  /** How much each number that was given moved the first answer; null where it is not known. */
  weights: number[] | null;
  notes: string[];
  /** The likeliest way to go on. */
  terms: NumberAnswer[];
  /** Numbers of the training stayed below it. */
  below: number;
}

export interface SeriesFacts {
  names: string[];
  lengths: number[];
  horizon: number;
  season: number;
  frequency: string;
  dated: boolean;
  head: string;
  direct: boolean;
  notes: string[];
}

export type Values = (number | null)[];

export interface ForecastAnswer {
  series: string;
  history_stamps: string[];
  history: Values;
  stamps: string[];
  mean: Values;
  median: Values;
  /** Widest first. */
  intervals: { level: number; low: Values; high: Values }[];
  /** What came, of a held-out end. */
  truth: Values | null;
  naive: Values;
}

export interface EvaluateAnswer {
  model: Scores;
  naive: Scores;
  series: number;
  steps: number;
  season: number;
}

export interface MemoryAnswer {
  series: string;
  stamps: string[];
  y: Values;
  /** Of each layer [steps, units], row by row. */
  layers: { units: number; values: number[] }[];
}

export interface ClassAnswer {
  classes: string[];
  accuracy: number | null;
  f1: number | null;
  /** Rows what it is, columns what was said. */
  confusion: number[][] | null;
  per_class: { precision: number; recall: number; f1: number; count: number }[] | null;
  series: { label: string | null; said: string; probability: number; length: number }[];
  count: number;
}

export interface Moments {
  row: number;
  label: string | null;
  said: string;
  probabilities: number[];
  /** [channels][time] */
  values: Values[];
  /** Shares of 1, of each moment. */
  saliency: number[];
}

export interface ForecastWish {
  data: string | null;
  series: string | null;
  horizon: number | null;
  levels: number[];
  held_out: boolean;
}

export interface NumbersPlace {
  ask(id: string, numbers: number[], count: number, terms: number): Promise<AskAnswer>;
}

export interface ForecastPlace {
  series(id: string, data: string | null): Promise<SeriesFacts>;
  forecast(id: string, wish: ForecastWish): Promise<ForecastAnswer>;
  evaluate(id: string, data: string | null, progress?: Progress): Promise<EvaluateAnswer>;
  memory(id: string, data: string | null, series: string | null): Promise<MemoryAnswer>;
}

export interface LabelsPlace {
  classify(id: string, data: string | null): Promise<ClassAnswer>;
  moments(id: string, data: string | null, row: number): Promise<Moments>;
}

export interface SeriesPlace extends NumbersPlace, ForecastPlace, LabelsPlace {}

/** What a place can do with models of number sequences. */
export async function numbersOf(place: Place): Promise<NumbersPlace> {
  if (place.kind === "computer") return (await import("./computer/series.ts")).series;
  return (await import("./browser/numbers.ts")).numbers;
}

/** What a place can do with classifiers of series. */
export async function labelsOf(place: Place): Promise<LabelsPlace> {
  if (place.kind === "computer") return (await import("./computer/series.ts")).series;
  return (await import("./browser/labels.ts")).labels;
}

/** What a place can do with models that forecast. */
export async function forecastOf(place: Place): Promise<ForecastPlace> {
  if (place.kind === "computer") return (await import("./computer/series.ts")).series;
  return (await import("./browser/forecast.ts")).forecasts;
}
