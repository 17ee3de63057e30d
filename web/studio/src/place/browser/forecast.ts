/** Forecasting in this browser alone: a saved model and a table that was brought, in the Worker. */

import { proxy } from "comlink";
import type { ForecastPlace } from "../series.ts";
import { chosen } from "./chosen.ts";
import { work } from "./corpora.ts";
import { plain } from "./database.ts";

export const forecasts: ForecastPlace = {
  series: async (id, data) => work().seriesFacts(id, chosen(data, "forecast")),
  forecast: async (id, wish) =>
    work().forecast(id, { ...plain(wish), data: chosen(wish.data, "forecast") }),
  evaluate: async (id, data, progress) =>
    work().evaluateSeries(
      id,
      chosen(data, "forecast"),
      proxy(async (share: number) => progress?.(share)),
    ),
  memory: async (id, data, series) => work().seriesMemory(id, chosen(data, "forecast"), series),
};
