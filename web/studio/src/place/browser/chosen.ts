/** What a saved model is asked about in this browser alone. */

import { configError } from "../../../../kernel/src/errors.ts";

/**
 * The data that were chosen. What a model learned from is not here: only its weights were brought.
 * Throws ConfigError, in words that say what is to be done with them.
 */
export function chosen(data: string | null, done: "forecast" | "classified"): string {
  if (data !== null) return data;
  throw configError(`Choose the series that are to be ${done}, or bring a file of them.`);
}
