/** What lists show of models, told from their documents. */

import { parameterCount, parseSpec } from "../../../../../kernel/src/spec.ts";
import type { ModelEntry } from "../../types.ts";
import { object } from "../entries.ts";

const UNITS: Record<string, string> = { characters: "character", bytes: "byte" };

const number = (value: unknown): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;

/** Return a model as lists show it. */
export function describeModel(
  known: Pick<ModelEntry, "id" | "name" | "created" | "bytes" | "corpus" | "run">,
  document: Record<string, unknown>,
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
