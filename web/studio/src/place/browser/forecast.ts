/** Forecasting in this browser alone: a saved model and a table that was brought, in the Worker. */

import { proxy } from "comlink";
import { configError } from "../../../../kernel/src/errors.ts";
import type { ForecastPlace } from "../series.ts";
import { work } from "./corpora.ts";
import { plain } from "./database.ts";

/** What a model learned from is not here: only its weights were brought. */
function chosen(data: string | null): string {
  if (data !== null) return data;
  throw configError("Choose the series that are to be forecast, or bring a file of them.");
}

export const forecasts: ForecastPlace = {
  series: async (id, data) => work().seriesFacts(id, chosen(data)),
  forecast: async (id, wish) => work().forecast(id, { ...plain(wish), data: chosen(wish.data) }),
  evaluate: async (id, data, progress) =>
    work().evaluateSeries(
      id,
      chosen(data),
      proxy(async (share: number) => progress?.(share)),
    ),
  memory: async (id, data, series) => work().seriesMemory(id, chosen(data), series),
};
