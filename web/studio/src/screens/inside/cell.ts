/**
 * One step of one LSTM cell, as numbers and sentences.
 *
 * c' = f · c + i · g,  h = o · tanh(c')   (Hochreiter & Schmidhuber 1997 with the forget gate of Gers
 * et al. 2000). A variant without a gate has 1 in its place.
 */

import { percent, shown, signed, spoken } from "../../canvas/numbers.ts";
import type { TraceAnswer } from "../../place/types.ts";
import type { UnitName } from "./analysis.ts";

export interface CellStep {
  token: string;
  input: number;
  forget: number;
  candidate: number;
  output: number;
  /** The memory before and after. */
  before: number;
  after: number;
  /** What passes on: o · tanh(c'). */
  hidden: number;
  hiddenBefore: number;
  /** What is kept of the old memory, and what is added. */
  kept: number;
  added: number;
}

export const PHASES = ["read", "forget", "input", "memory", "output", "next"] as const;
export type Phase = (typeof PHASES)[number];

export const TITLES: Record<Phase, string> = {
  read: "Read",
  forget: "Forget gate",
  input: "Input gate",
  memory: "Memory",
  output: "Output gate",
  next: "Pass on",
};

/** Whether a trace is of an LSTM, with a memory and at least one gate. */
export function hasCell(trace: TraceAnswer): boolean {
  const layer = trace.layers[0];
  return !!layer?.["c"] && !!layer["h"] && !!layer["g"];
}

/** The numbers of a unit at row `time` of a trace; row 0 is the start token. */
export function cellStep(trace: TraceAnswer, { layer, unit }: UnitName, time: number): CellStep {
  const size = trace.sizes[layer]!;
  const at = (kind: string, row: number, missing: number): number =>
    row < 0 ? 0 : (trace.layers[layer]?.[kind]?.[row * size + unit] ?? missing);
  const [forget, input] = [at("f", time, 1), at("i", time, 1)];
  const [candidate, before] = [at("g", time, 0), at("c", time - 1, 0)];
  return {
    token: trace.tokens[time] ?? "",
    input,
    forget,
    candidate,
    output: at("o", time, 1),
    before,
    after: at("c", time, 0),
    hidden: at("h", time, 0),
    hiddenBefore: at("h", time - 1, 0),
    kept: forget * before,
    added: input * candidate,
  };
}

function opening(gate: number): string {
  if (gate >= 0.9) return "wide open";
  if (gate >= 0.6) return "mostly open";
  if (gate > 0.4) return "half open";
  return gate > 0.1 ? "mostly shut" : "shut";
}

/** What happens in a phase, in a sentence or two with its numbers. */
export function explain(step: CellStep, phase: Phase, start: boolean): string {
  switch (phase) {
    case "read":
      return start
        ? "The cell reads the start token. Its memory is empty: 0."
        : `The cell reads ${quoted(step.token)} together with what the layer said one character ago. ` +
            `Its memory stands at ${signed(step.before, 3)}.`;
    case "forget":
      return (
        `The forget gate is ${opening(step.forget)} and keeps ${percent(step.forget)} of the memory: ` +
        `${signed(step.forget, 3)} × ${signed(step.before, 3)} = ${signed(step.kept, 3)}.`
      );
    case "input":
      return (
        `The cell proposes ${signed(step.candidate, 3)}. The input gate is ${opening(step.input)} and ` +
        `lets ${percent(step.input)} of it in: ${signed(step.input, 3)} × ` +
        `${signed(step.candidate, 3)} = ${signed(step.added, 3)}.`
      );
    case "memory":
      return (
        `What was kept and what came in add up to the new memory: ${signed(step.kept, 3)} ` +
        `${step.added < 0 ? "−" : "+"} ${Math.abs(step.added).toFixed(3)} = ${signed(step.after, 3)}. ` +
        change(step)
      );
    case "output":
      return (
        `The output gate is ${opening(step.output)} and shows ${percent(step.output)} of the squashed ` +
        `memory: ${signed(step.output, 3)} × tanh(${signed(step.after, 3)}) = ${signed(step.hidden, 3)}.`
      );
    case "next":
      return (
        `${signed(step.hidden, 3)} goes up to the next layer and, one character later, back into ` +
        `every gate of this one. The memory ${signed(step.after, 3)} stays in the cell.`
      );
  }
}

function change({ before, after }: CellStep): string {
  const by = after - before;
  if (Math.abs(by) < 0.01) return "It hardly changed.";
  if (before !== 0 && Math.sign(before) !== Math.sign(after)) return "It changed its sign.";
  return Math.abs(after) > Math.abs(before) ? "It grew stronger." : "It faded.";
}

function quoted(token: string): string {
  const word = spoken(token);
  return word === token
    ? `“${shown(token)}”`
    : word.startsWith("capital")
      ? `“${token}”`
      : `a ${word}`;
}
