/** Forecast the tables of a JSON file in Node: `node forecast.node.mjs CASES.json MODULES`. */
import { readFileSync } from "node:fs";
import { argv } from "node:process";
import { Kernel } from "../src/kernel.ts";
import { atMost, countAt } from "../src/series/counts.ts";
import { frequencyText, stampText } from "../src/series/dates.ts";
import { Forecaster } from "../src/series/forecaster.ts";
import { COLUMNS, readPanel } from "../src/series/layouts.ts";
import { seasonalNaive } from "../src/series/measures.ts";
import { withoutLast, type Series } from "../src/series/panel.ts";
import type { Columns } from "../src/series/layouts.ts";

interface Case {
  /** Of a negative binomial: [count, mean, dispersion], and [share, mean, dispersion]. */
  counts?: { below: [number, number, number][]; at: [number, number, number][] };
  model: string | null;
  name: string;
  text: string;
  columns?: Partial<Columns>;
  steps?: number;
  levels?: number[];
  paths?: number;
  seed?: number;
  /** Forecast the last steps, rather than what comes next. */
  held_out?: boolean;
}

const [, , cases = "", modules = ""] = argv;
const kernel = await Kernel.load("simd", readFileSync(`${modules}/recurra-simd.wasm`));
const results = [];
for (const one of JSON.parse(readFileSync(cases, "utf8")) as Case[]) {
  try {
    if (one.counts) {
      const { below, at } = one.counts;
      results.push({
        below: below.map((given) => atMost(...given)),
        at: at.map((given) => countAt(...given)),
      });
      continue;
    }
    const { name, text, levels = [0.1, 0.5, 0.9], paths = 200, seed = 0 } = one;
    const model =
      one.model && Forecaster.read(kernel, new Uint8Array(readFileSync(one.model)), "the model");
    const columns = one.columns ? { ...COLUMNS, ...one.columns } : undefined;
    const panel = readPanel(text, name, columns ?? (model ? model.columns : COLUMNS));
    if (!model) {
      results.push({
        frequency: frequencyText(panel.frequency),
        notes: panel.notes,
        series: panel.series.map((series) => ({
          name: series.name,
          y: Array.from(series.y),
          stamps: Array.from(series.stamps, (stamp) => stampText(stamp, panel.dated)),
        })),
      });
      continue;
    }
    const steps = one.steps ?? model.horizon;
    const cut = (series: Series) => (one.held_out ? withoutLast(series, steps) : series);
    const history = { ...panel, series: panel.series.map(cut) };
    const found = model.forecast(history, steps, levels, { seed, paths });
    results.push({
      series: found.map((forecast) => ({
        ...forecast,
        stamps: Array.from(forecast.stamps, (stamp) => stampText(stamp, panel.dated)),
      })),
      naive: panel.series.map(({ y }) => seasonalNaive(y, steps, model.encoding.season)),
      evaluation: await model.evaluate(panel),
      memory: model.memory(panel),
    });
    model.dispose();
  } catch (error) {
    results.push({ error: (error as Error).message });
  }
}
console.log(JSON.stringify(results));
