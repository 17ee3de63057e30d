/** Models of numbers on this computer. */

import type { EvaluateAnswer, SeriesPlace } from "../series.ts";
import { ask, lines } from "./http.ts";

export const series: SeriesPlace = {
  ask: (id, numbers, count, terms) =>
    ask("post", "/api/models/{id}/ask", { id, body: { numbers, count, terms } }),
  series: (id, data) => ask("post", "/api/models/{id}/series", { id, body: { data } }),
  forecast: (id, body) => ask("post", "/api/models/{id}/forecast", { id, body }),
  async evaluate(id, data, progress) {
    let answer: EvaluateAnswer | undefined;
    await lines("/api/models/{id}/evaluate", { id, body: { data } }, (line) => {
      if (typeof line.share === "number") progress?.(line.share);
      answer = (line.result as EvaluateAnswer | undefined) ?? answer;
    });
    if (!answer) throw new Error("The studio's answer ended too early; try again.");
    return answer;
  },
  memory: (id, data, name) =>
    ask("post", "/api/models/{id}/memory", { id, body: { data, series: name } }),
  classify: (id, data) => ask("post", "/api/models/{id}/classify", { id, body: { data } }),
  moments: (id, data, row) => ask("post", "/api/models/{id}/moments", { id, body: { data, row } }),
};
