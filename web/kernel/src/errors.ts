/** The errors that a person can meet, as in the Python library: one sentence each. */

export type ErrorKind =
  "ConfigError" | "FormatError" | "ShapeError" | "NumericError" | "ResourceError";

/** Says what was seen and what to do. `field` names the setting, where there is one. */
export class RecurraError extends Error {
  readonly kind: ErrorKind;
  readonly field: string | undefined;

  constructor(kind: ErrorKind, sentence: string, field?: string) {
    super(sentence);
    this.name = kind;
    this.kind = kind;
    this.field = field;
  }
}

export const configError = (sentence: string, field?: string): RecurraError =>
  new RecurraError("ConfigError", sentence, field);
export const formatError = (sentence: string): RecurraError =>
  new RecurraError("FormatError", sentence);
export const shapeError = (sentence: string): RecurraError =>
  new RecurraError("ShapeError", sentence);
export const numericError = (sentence: string): RecurraError =>
  new RecurraError("NumericError", sentence);
export const resourceError = (sentence: string): RecurraError =>
  new RecurraError("ResourceError", sentence);
