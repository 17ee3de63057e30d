/**
 * A network described as data: the JSON of core/spec.py, checked, and what follows from it.
 *
 * Gate order is i, f, g, o; weight names are PyTorch's. Shapes are row by column.
 */

import { configError, formatError } from "./errors.ts";
import { ABI } from "./job.ts";
import { CELL_FLAGS, type CellFlag } from "./options.ts";

export type Cell = Record<CellFlag, boolean> & { forget_bias: number };

export interface Stack {
  sizes: number[];
  cell: Cell;
  dropout: number;
  recurrent_dropout: number;
  residual: boolean;
}

export type Input =
  | { kind: "one_hot"; vocabulary_size: number }
  | { kind: "embedding"; vocabulary_size: number; size: number }
  | { kind: "vector"; size: number };

/** What a position predicts: tokens by a softmax, or numbers that describe the next values. */
export interface Head {
  kind: "softmax" | ValueKind;
  /** Raw outputs of a position: of a softmax one a token. */
  vocabulary_size: number;
  tied: boolean;
  /** Values that a position predicts, and levels of quantiles; of a softmax 1 and none. */
  horizon: number;
  levels: readonly number[];
}

/** Raw outputs that describe one value. */
const VALUE_NUMBERS = {
  gaussian: 2,
  student_t: 3,
  negative_binomial: 2,
  mixture: 3,
  quantiles: 1,
} as const;
export type ValueKind = keyof typeof VALUE_NUMBERS;

export interface Spec {
  input: Input;
  stack: Stack;
  head: Head;
}

export type Shape = readonly number[];
export type Weights = Map<string, Float32Array>;

type Json = Record<string, unknown>;

/** Return the spec in a JSON document. Throws ConfigError naming the field that cannot be. */
export function parseSpec(json: unknown): Spec {
  const spec = object(json, "spec", ["input", "stack", "head"]);
  const input = parseInput(spec.input);
  const stack = object(spec.stack, "stack", [
    "sizes",
    "cell",
    "dropout",
    "recurrent_dropout",
    "residual",
  ]);
  const sizes = stack.sizes ?? [128, 128];
  if (!Array.isArray(sizes) || sizes.length < 1 || sizes.length > 64) {
    throw configError("sizes has to be a list of 1 to 64 layer sizes.", "sizes");
  }
  const parsed: Spec = {
    input,
    stack: {
      sizes: sizes.map((units) => whole(units, "sizes", 65536)),
      cell: parseCell(stack.cell ?? {}),
      dropout: share(stack.dropout, "dropout"),
      recurrent_dropout: share(stack.recurrent_dropout, "recurrent_dropout"),
      residual: truth(stack.residual, "residual"),
    },
    head: parseHead(spec.head),
  };
  if (parsed.head.tied) {
    if (
      input.kind !== "embedding" ||
      input.size !== parsed.stack.sizes.at(-1) ||
      input.vocabulary_size !== parsed.head.vocabulary_size
    ) {
      throw configError(
        "a tied softmax needs an embedding of the same vocabulary, as wide as the last layer.",
        "tied",
      );
    }
  }
  return parsed;
}

function parseHead(json: unknown): Head {
  const kind = (json as Json | null)?.kind ?? "softmax";
  if (kind === "softmax") {
    const head = object(json, "head", ["kind", "vocabulary_size", "tied"]);
    const vocabulary_size = whole(head.vocabulary_size, "vocabulary_size", 2 ** 24);
    return { kind, vocabulary_size, tied: truth(head.tied, "tied"), horizon: 1, levels: [] };
  }
  if (!Object.hasOwn(VALUE_NUMBERS, kind as string)) {
    const known = Object.keys(VALUE_NUMBERS).join(", ");
    throw configError(
      `the head is ${JSON.stringify(kind)}, but has to be one of softmax, ${known}.`,
      "kind",
    );
  }
  const head = object(json, "head", ["kind", "targets", "horizon", "components", "levels"]);
  const horizon = whole(head.horizon ?? 1, "horizon", 65536);
  const levels = Array.isArray(head.levels) ? head.levels.map(Number) : [];
  const parts =
    kind === "mixture" ? whole(head.components ?? 3, "components", 1024) : levels.length || 1;
  const numbers = parts * VALUE_NUMBERS[kind as ValueKind];
  const vocabulary_size = whole(head.targets ?? 1, "targets", 65536) * horizon * numbers;
  return { kind: kind as ValueKind, vocabulary_size, tied: false, horizon, levels };
}

function parseInput(json: unknown): Input {
  const kind = (json as Json | null)?.kind;
  if (kind === "vector") {
    const input = object(json, "input", ["kind", "size"]);
    return { kind, size: whole(input.size, "size", 2 ** 24) };
  }
  if (kind === "one_hot") {
    const input = object(json, "input", ["kind", "vocabulary_size"]);
    return { kind, vocabulary_size: whole(input.vocabulary_size, "vocabulary_size", 2 ** 24) };
  }
  if (kind === "embedding") {
    const input = object(json, "input", ["kind", "vocabulary_size", "size"]);
    const vocabulary_size = whole(input.vocabulary_size, "vocabulary_size", 2 ** 24);
    return { kind, vocabulary_size, size: whole(input.size, "size", 65536) };
  }
  throw configError(
    `the input is ${JSON.stringify(kind)}, but has to be one_hot, embedding or vector.`,
    "kind",
  );
}

function parseCell(json: unknown): Cell {
  const given = object(json, "cell", [...CELL_FLAGS, "forget_bias"]);
  const bias = given.forget_bias ?? 1;
  if (typeof bias !== "number" || !(Math.abs(bias) <= 10)) {
    throw configError("forget_bias has to be a number from -10 to 10.", "forget_bias");
  }
  const cell = { forget_bias: bias } as Cell;
  for (const flag of CELL_FLAGS) cell[flag] = truth(given[flag], flag);
  if (cell.gru && CELL_FLAGS.some((flag) => flag !== "gru" && cell[flag])) {
    throw configError("gru goes with none of the LSTM's flags.", "gru");
  }
  if (cell.coupled && (cell.no_input_gate || cell.no_forget_gate)) {
    throw configError(
      "coupled ties the input gate to the forget gate, so neither can go.",
      "coupled",
    );
  }
  return cell;
}

function object(json: unknown, what: string, fields: readonly string[]): Json {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw configError(`'${what}' has to be an object.`, what);
  }
  for (const name of Object.keys(json)) {
    if (!fields.includes(name)) {
      throw configError(
        `'${name}' is no setting of '${what}'; there are ${fields.join(", ")}.`,
        name,
      );
    }
  }
  return json as Json;
}

function whole(value: unknown, field: string, high: number): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > high) {
    throw configError(
      `${field} is ${JSON.stringify(value)}, but has to be a whole number from 1 to ${high}.`,
      field,
    );
  }
  return value;
}

function share(value: unknown, field: string): number {
  if (value === undefined) return 0;
  if (typeof value !== "number" || !(value >= 0 && value < 1)) {
    throw configError(
      `${field} is ${JSON.stringify(value)}, but has to be from 0 to below 1.`,
      field,
    );
  }
  return value;
}

function truth(value: unknown, field: string): boolean {
  if (value === undefined) return false;
  if (typeof value !== "boolean") {
    throw configError(`${field} is ${JSON.stringify(value)}, but has to be true or false.`, field);
  }
  return value;
}

/** Row blocks of a cell's weights, in order. */
export function gates(cell: Cell): string[] {
  if (cell.gru) return ["r", "z", "n"];
  const absent: Record<string, boolean> = {
    i: cell.no_input_gate,
    f: cell.no_forget_gate || cell.coupled,
    g: false,
    o: cell.no_output_gate,
  };
  return [..."ifgo"].filter((name) => !absent[name]);
}

/** The gates proper, which peepholes and full gate recurrence know: of i f o those here. */
export function sigmoidGates(cell: Cell): string[] {
  return cell.gru ? [] : gates(cell).filter((name) => name !== "g");
}

/** Whether every library's plain LSTM computes this cell. */
export function isVanilla(cell: Cell): boolean {
  return CELL_FLAGS.every((flag) => !cell[flag]);
}

/** How many numbers the bottom layer reads. */
export function features(spec: Spec): number {
  return spec.input.kind === "one_hot" ? spec.input.vocabulary_size : spec.input.size;
}

/** Name and shape of every weight, in the order of core/parameters.py and of the kernel. */
export function parameterShapes(spec: Spec): Map<string, Shape> {
  const shapes = new Map<string, Shape>();
  const { sizes, cell } = spec.stack;
  if (spec.input.kind === "embedding") {
    shapes.set("embedding.weight", [spec.input.vocabulary_size, spec.input.size]);
  }
  const proper = sigmoidGates(cell).length;
  sizes.forEach((units, k) => {
    const rows = gates(cell).length * units;
    shapes.set(`weight_ih_l${k}`, [rows, k ? sizes[k - 1]! : features(spec)]);
    shapes.set(`weight_hh_l${k}`, [rows, units]);
    shapes.set(`bias_ih_l${k}`, [rows]);
    if (cell.gru) shapes.set(`bias_hh_l${k}`, [rows]);
    if (cell.peephole && proper) shapes.set(`peephole_l${k}`, [proper, units]);
    if (cell.full_gate_recurrence && proper) {
      shapes.set(`weight_gg_l${k}`, [proper * units, proper * units]);
    }
    if (cell.layer_norm) {
      shapes.set(`norm_ih_l${k}`, [rows]);
      shapes.set(`norm_hh_l${k}`, [rows]);
      shapes.set(`norm_c_l${k}`, [2, units]);
    }
  });
  if (!spec.head.tied) shapes.set("head.weight", [spec.head.vocabulary_size, sizes.at(-1)!]);
  shapes.set("head.bias", [spec.head.vocabulary_size]);
  return shapes;
}

export const count = (shape: Shape): number => shape.reduce((product, size) => product * size, 1);

/** How many numbers the network learns. */
export function parameterCount(spec: Spec): number {
  let sum = 0;
  for (const shape of parameterShapes(spec).values()) sum += count(shape);
  return sum;
}

/** Throw FormatError unless the names and shapes are those that the spec asks for. */
export function checkParameters(spec: Spec, shapes: ReadonlyMap<string, Shape>): void {
  const wanted = parameterShapes(spec);
  for (const [name, shape] of wanted) {
    const found = shapes.get(name);
    if (!found) {
      throw formatError(
        `the weights lack '${name}' [${shape.join(", ")}], which the network needs.`,
      );
    }
    if (found.join() !== shape.join()) {
      throw formatError(
        `the weight '${name}' is [${found.join(", ")}], but the network needs [${shape.join(", ")}].`,
      );
    }
  }
  for (const name of shapes.keys()) {
    if (!wanted.has(name)) {
      throw formatError(`the weights hold '${name}', which the network does not have.`);
    }
  }
}

/** What a stack carries from step to step: name and width of each part, in the kernel's order. */
export function stateParts(spec: Spec): Array<{ name: string; width: number }> {
  const { sizes, cell } = spec.stack;
  return sizes.flatMap((units, k) => {
    const parts = [{ name: `h_l${k}`, width: units }];
    if (!cell.gru) parts.push({ name: `c_l${k}`, width: units });
    if (cell.full_gate_recurrence && !cell.gru) {
      parts.push({ name: `gates_l${k}`, width: sigmoidGates(cell).length * units });
    }
    return parts;
  });
}

/** Return the description of recurra.h, in float32. */
export function describe(spec: Spec): BigInt64Array {
  const { cell, sizes, residual } = spec.stack;
  const flags = CELL_FLAGS.reduce((sum, flag, bit) => sum + (cell[flag] ? 1 << bit : 0), 0);
  const tokens = spec.input.kind === "vector" ? 0 : spec.input.vocabulary_size;
  const kind = ["one_hot", "embedding", "vector"].indexOf(spec.input.kind);
  return BigInt64Array.from(
    [
      ABI,
      kind,
      tokens,
      features(spec),
      spec.head.vocabulary_size,
      Number(spec.head.tied),
      flags,
      Number(residual),
      0,
      sizes.length,
      ...sizes,
    ].map(BigInt),
  );
}
