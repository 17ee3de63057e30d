/** What lists of models and runs go by. */

type Json = Record<string, unknown>;

export const RUN_MODEL = "run-";

export const object = (value: unknown): Json =>
  typeof value === "object" && value !== null ? (value as Json) : {};

/** Return a name that a person gave, cleaned; at most 100 characters. */
export function cleanName(name: string | null | undefined, otherwise: string): string {
  const clean = (name ?? "").replace(/[\u0000-\u001f\u007f]+/g, " ").trim();
  return clean.slice(0, 100) || otherwise;
}
