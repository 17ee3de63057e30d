/** What lists show of models and runs, told from their documents. */

import { parameterCount, parseSpec } from "../../../../kernel/src/spec.ts";
import type { ModelEntry } from "../types.ts";

type Json = Record<string, unknown>;
const UNITS: Record<string, string> = { characters: "character", bytes: "byte" };

export const RUN_MODEL = "run-";

export const object = (value: unknown): Json =>
  typeof value === "object" && value !== null ? (value as Json) : {};

const number = (value: unknown): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;

/** Return a model as lists show it. */
export function describeModel(
  known: Pick<ModelEntry, "id" | "name" | "created" | "bytes" | "corpus" | "run">,
  document: Json,
): ModelEntry {
  const spec = parseSpec(document.spec);
  const task = object(document.task);
  const scores = object(object(document.provenance).scores);
  const kind = String(object(task.vocabulary).kind ?? "");
  return {
    ...known,
    kind: String(task.kind),
    parameters: parameterCount(spec),
    network: `${spec.stack.cell.gru ? "GRU" : "LSTM"} ${spec.stack.sizes.join(", ")}`,
    vocabulary_size: spec.head.vocabulary_size,
    unit: UNITS[kind] ?? kind,
    loss_nats: number(scores.held_out_loss_nats),
    bits_per_char: number(scores.held_out_bits_per_char),
    document,
  };
}

/** Return a name that a person gave, cleaned; at most 100 characters. */
export function cleanName(name: string | null | undefined, otherwise: string): string {
  const clean = (name ?? "").replace(/[\u0000-\u001f\u007f]+/g, " ").trim();
  return clean.slice(0, 100) || otherwise;
}
