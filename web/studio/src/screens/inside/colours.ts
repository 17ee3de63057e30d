/** By what a text can be coloured: the numbers, their scale, and the words of the legend. */

import { signed } from "../../canvas/numbers.ts";
import { type Scale, type Theme, scale } from "../../canvas/scales.ts";
import type { SaliencyAnswer, TraceAnswer } from "../../place/types.ts";
import { type UnitName, reachOf, seriesOf } from "./analysis.ts";

export const KINDS = ["c", "h", "i", "f", "g", "o", "r", "z", "n"] as const;
export const MODES = [...KINDS, "surprise", "influence"] as const;
export type Mode = (typeof MODES)[number];

export const NAMES: Record<Mode, string> = {
  c: "memory",
  h: "hidden state",
  i: "input gate",
  f: "forget gate",
  g: "candidate",
  o: "output gate",
  r: "reset gate",
  z: "update gate",
  n: "candidate",
  surprise: "surprise",
  influence: "influence",
};

export const HELP: Record<Mode, string> = {
  c: "What the unit holds: its cell state, kept from character to character.",
  h: "What the unit tells the rest of the network, from −1 to 1.",
  i: "How much of the candidate comes into the memory.",
  f: "How much of the memory is kept.",
  g: "What the unit proposes to add to its memory.",
  o: "How much of the memory is shown.",
  r: "How much of the old state the candidate sees.",
  z: "How much of the old state is kept.",
  n: "What the unit proposes as its new state.",
  surprise: "How unexpected each character was: −log p, in nats.",
  influence:
    "What moved the prediction of the chosen character: gradient times input of everything before it.",
};

const SIGNED = new Set<Mode>(["h", "g", "n"]);

/** The modes that a trace has numbers for, the memory first. */
export function modesOf(trace: TraceAnswer): Mode[] {
  const has = trace.layers[0] ?? {};
  return [...KINDS.filter((kind) => has[kind]), "surprise", "influence"];
}

export interface Colouring {
  /** One number a token of the text; NaN for none. */
  values: Float32Array;
  scale: Scale;
  low: string;
  high: string;
  about: string;
}

/** The numbers and the scale of a mode. `saliency` is needed for influence alone. */
export function colouring(
  trace: TraceAnswer,
  mode: Mode,
  unit: UnitName,
  saliency: SaliencyAnswer | null,
  theme: Theme,
): Colouring | null {
  const named = `Unit ${unit.layer}:${unit.unit}, ${NAMES[mode]}`;
  if (mode === "surprise") {
    const values = trace.surprise.subarray(1);
    const made = scale("surprise", 0, 6, theme, "text");
    return { values, scale: made, low: "0", high: "6 nats or more", about: "Surprise" };
  }
  if (mode === "influence") {
    if (!saliency) return null;
    const values = new Float32Array(trace.tokens.length - 1).fill(NaN);
    values.set(saliency.dot.subarray(1));
    const reach = reachOf(saliency.dot.subarray(1), Infinity);
    const made = scale("signed", -reach, reach, theme, "text");
    const [low, high] = [`${signed(-reach)} nats, against`, `+${signed(reach)} nats, for`];
    return { values, scale: made, low, high, about: "Influence on the prediction" };
  }
  const series = seriesOf(trace, mode, unit);
  if (!series) return null;
  const values = series.subarray(1);
  if (mode === "c" || SIGNED.has(mode)) {
    const reach = mode === "c" ? reachOf(values) : 1;
    const made = scale("signed", -reach, reach, theme, "text");
    return { values, scale: made, low: signed(-reach), high: signed(reach), about: named };
  }
  const made = scale("share", 0, 1, theme, "text");
  return { values, scale: made, low: "0, shut", high: "1, open", about: named };
}
