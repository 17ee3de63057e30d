/** Number sequences in this browser alone: a saved model is asked, in the Worker. */

import type { NumbersPlace } from "../series.ts";
import { work } from "./corpora.ts";

export const numbers: NumbersPlace = {
  ask: (id, given, count, terms) => work().askNumbers(id, [...given], count, terms),
};
