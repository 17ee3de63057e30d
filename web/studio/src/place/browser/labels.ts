/** Classifying in this browser alone: a saved model and a file that was brought, in the Worker. */

import { configError } from "../../../../kernel/src/errors.ts";
import type { LabelsPlace } from "../series.ts";
import { work } from "./corpora.ts";

/** What a model learned from is not here: only its weights were brought. */
function chosen(data: string | null): string {
  if (data !== null) return data;
  throw configError("Choose the series that are to be classified, or bring a file of them.");
}

export const labels: LabelsPlace = {
  classify: async (id, data) => work().classify(id, chosen(data)),
  moments: async (id, data, row) => work().moments(id, chosen(data), row),
};
