/** Errors between a page and its Workers: comlink keeps a sentence, and this its field too. */

import { transferHandlers } from "comlink";
import { RecurraError, type ErrorKind } from "../../../../../kernel/src/errors.ts";

interface Thrown {
  value: unknown;
}
interface Carried {
  name: string;
  message: string;
  field: string | undefined;
}

const KINDS = ["ConfigError", "FormatError", "ShapeError", "NumericError", "ResourceError"];
let passed = false;

/** Let errors pass whole; to be called on both sides. */
export function pass(): void {
  if (passed) return;
  passed = true;
  const known = transferHandlers.get("throw")!;
  transferHandlers.set("throw", {
    canHandle: known.canHandle,
    serialize({ value }: Thrown) {
      const error = value as Partial<Carried>;
      const { name = "Error", message = String(value), field } = error;
      return [{ name, message, field } satisfies Carried, []];
    },
    deserialize({ name, message, field }: Carried): never {
      if (KINDS.includes(name)) throw new RecurraError(name as ErrorKind, message, field);
      throw new Error(message);
    },
  } as typeof known);
}
