/** Classifying in this browser alone: a saved model and a file that was brought, in the Worker. */

import type { LabelsPlace } from "../series.ts";
import { chosen } from "./chosen.ts";
import { work } from "./corpora.ts";

export const labels: LabelsPlace = {
  classify: async (id, data) => work().classify(id, chosen(data, "classified")),
  moments: async (id, data, row) => work().moments(id, chosen(data, "classified"), row),
};
