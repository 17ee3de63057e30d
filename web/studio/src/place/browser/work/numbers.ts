/** What is asked of a model of number sequences in the Worker. */

import { NumberModel } from "../../../../../kernel/src/numbers/model.ts";
import type { AskAnswer } from "../../series.ts";

export { NumberModel };

export function answered(
  model: NumberModel,
  numbers: number[],
  count: number,
  terms: number,
): AskAnswer {
  return {
    ...model.ask(numbers, count),
    terms: terms > 1 ? model.goOn(numbers, terms) : [],
    below: model.most,
  };
}
