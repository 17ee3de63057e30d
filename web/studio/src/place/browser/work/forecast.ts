/** What is asked of a model that forecasts in the Worker: its table read, the fan, measures, memory. */

import { configError, formatError } from "../../../../../kernel/src/errors.ts";
import { frequencyText, stampText } from "../../../../../kernel/src/series/dates.ts";
import { Forecaster } from "../../../../../kernel/src/series/forecaster.ts";
import { readPanel } from "../../../../../kernel/src/series/layouts.ts";
import { seasonalNaive } from "../../../../../kernel/src/series/measures.ts";
import { withoutLast, type Panel, type Series } from "../../../../../kernel/src/series/panel.ts";
import { readTable } from "../../../../../kernel/src/series/tables.ts";
import type {
  EvaluateAnswer,
  ForecastAnswer,
  ForecastWish,
  MemoryAnswer,
  SeriesFacts,
  Values,
} from "../../series.ts";
import { Brought, textOf } from "./brought.ts";

export { Forecaster };

/** Values of a history that an answer has, at most. */
const SHOWN = 2000;

const brought = new Brought((text, name, columns: Forecaster["columns"]) =>
  readPanel(text, name, columns),
);

const panelOf = (model: Forecaster, id: string): Promise<Panel> => brought.of(id, model.columns);

/** What is in a table. Throws FormatError where it is none; which series it has, a model's columns say. */
export async function surveyed(name: string, file: Blob): Promise<Record<string, unknown>> {
  const { columns } = readTable(await textOf(name, file), name);
  const rows = columns[0]?.length ?? 0;
  if (!rows) throw formatError(`${name} has no rows.`);
  return { rows };
}

/** The series that is named, or the first. */
function only(panel: Panel, name: string | null): Series {
  const found = name === null ? panel.series[0] : panel.series.find((one) => one.name === name);
  if (!found) throw configError(`there is no series '${name}' in these data.`, "series");
  return found;
}

const values = (numbers: Iterable<number>): Values =>
  Array.from(numbers, (value) => (Number.isFinite(value) ? value : null));

const texts = (stamps: Float64Array, { dated }: Panel): string[] =>
  Array.from(stamps, (stamp) => stampText(stamp, dated));

export async function facts(model: Forecaster, id: string): Promise<SeriesFacts> {
  const panel = await panelOf(model, id);
  return {
    names: panel.series.map(({ name }) => name),
    lengths: panel.series.map(({ y }) => y.length),
    horizon: model.horizon,
    season: model.encoding.season,
    frequency: frequencyText(panel.frequency),
    dated: panel.dated,
    head: model.network.spec.head.kind,
    direct: model.encoding.horizon > 1,
    notes: panel.notes,
  };
}

export async function forecast(
  model: Forecaster,
  wish: ForecastWish & { data: string },
): Promise<ForecastAnswer> {
  const panel = await panelOf(model, wish.data);
  const series = only(panel, wish.series);
  const steps = wish.horizon ?? model.horizon;
  if (wish.held_out && series.y.length < steps + 2) {
    throw configError(
      `${series.name} has ${series.y.length} values, which are too few to hold ${steps} out.`,
      "horizon",
    );
  }
  const history = wish.held_out ? withoutLast(series, steps) : series;
  const intervals = [...wish.levels].sort((a, b) => b - a);
  const levels = [0.5, ...intervals.flatMap((one) => [0.5 - one / 200, 0.5 + one / 200])];
  const [found] = model.forecast({ ...panel, series: [history] }, steps, levels);
  const at = (place: number): Values => values(found!.quantiles.map((step) => step[place]!));
  return {
    series: series.name,
    history_stamps: texts(history.stamps.subarray(-SHOWN), panel),
    history: values(history.y.subarray(-SHOWN)),
    stamps: texts(found!.stamps, panel),
    mean: values(found!.mean),
    median: at(0),
    intervals: intervals.map((level, n) => ({
      level,
      low: at(1 + 2 * n),
      high: at(2 + 2 * n),
    })),
    truth: wish.held_out ? values(series.y.subarray(-steps)) : null,
    naive: values(seasonalNaive(history.y, steps, model.encoding.season)),
  };
}

export async function evaluated(
  model: Forecaster,
  id: string,
  progress: (share: number) => Promise<void>,
): Promise<EvaluateAnswer> {
  return model.evaluate(await panelOf(model, id), progress);
}

export async function remembered(
  model: Forecaster,
  id: string,
  name: string | null,
): Promise<MemoryAnswer> {
  const panel = await panelOf(model, id);
  const series = only(panel, name);
  const { shown, layers } = model.memory({ ...panel, series: [series] });
  return {
    series: series.name,
    stamps: texts(series.stamps.subarray(-shown), panel),
    y: values(series.y.subarray(-shown)),
    layers,
  };
}
