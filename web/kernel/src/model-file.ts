/**
 * The model file: one `.safetensors`, the same that Python reads and writes.
 *
 * Everything that the header claims is compared with the bytes that are there, and with the spec,
 * before the first array is made. Weights of float64 are rounded to float32.
 */

import { formatError, RecurraError } from "./errors.ts";
import {
  checkParameters,
  isVanilla,
  parameterShapes,
  parseSpec,
  type Shape,
  type Spec,
  type Weights,
} from "./spec.ts";

const FORMAT_VERSION = 1;
const KEY = "recurra";
const MOST_HEADER_BYTES = 100_000_000;
const SIZES = new Map([
  ["F32", 4],
  ["F64", 8],
  ["I64", 8],
]);

export interface ModelDocument {
  format_version?: number;
  spec: Record<string, unknown>;
  task: Record<string, unknown>;
  provenance: Record<string, unknown>;
}

export interface ModelFile {
  spec: Spec;
  document: ModelDocument;
  weights: Weights;
}

interface Entry {
  name: string;
  dtype: string;
  shape: Shape;
  from: number;
  to: number;
}

/** Read a model file. Throws FormatError, beginning with `name`, that says what is wrong with it. */
export function readModel(bytes: Uint8Array, name = "the file"): ModelFile {
  const { entries, metadata, data } = readHeader(bytes, name);
  const text = metadata[KEY];
  if (text === undefined) {
    throw formatError(
      `${name}: the header's metadata has no '${KEY}'; this file is not Recurra's.`,
    );
  }
  const document = parseObject(text, `${name}: '${KEY}'`) as unknown as ModelDocument;
  const version = document.format_version;
  if (typeof version !== "number" || !Number.isInteger(version) || version < 1) {
    throw formatError(
      `${name}: 'format_version' is ${JSON.stringify(version)}, but has to be a number.`,
    );
  }
  if (version > FORMAT_VERSION) {
    throw formatError(
      `${name} has format version ${version}, but this Recurra reads up to ${FORMAT_VERSION}; use a ` +
        "newer one.",
    );
  }
  for (const part of ["spec", "task", "provenance"] as const) {
    if (!isObject(document[part])) {
      throw formatError(`${name}: the document lacks the object '${part}'.`);
    }
  }
  const spec = checked(document, entries, name);
  const weights: Weights = new Map();
  for (const entry of entries) weights.set(entry.name, readArray(data, entry));
  if (!spec.stack.cell.gru) mergeBiases(weights);
  const names = [...parameterShapes(spec).keys()];
  return { spec, document, weights: new Map(names.map((name) => [name, weights.get(name)!])) };
}

function checked(document: ModelDocument, entries: Entry[], name: string): Spec {
  try {
    const spec = parseSpec(document.spec);
    const shapes = new Map(entries.map((entry) => [entry.name, entry.shape]));
    if (!spec.stack.cell.gru) {
      // PyTorch's second bias may stand beside the one of each layer; it is added in.
      spec.stack.sizes.forEach((_, k) => {
        const second = shapes.get(`bias_hh_l${k}`);
        if (second && second.join() === shapes.get(`bias_ih_l${k}`)?.join()) {
          shapes.delete(`bias_hh_l${k}`);
        }
      });
    }
    checkParameters(spec, shapes);
    const formats = new Set(entries.map((entry) => entry.dtype));
    if (formats.size > 1 || formats.has("I64")) {
      throw formatError(
        `the weights mix ${[...formats].sort().join(", ")}, but have to be all F32 or all F64.`,
      );
    }
    return spec;
  } catch (error) {
    if (error instanceof RecurraError) throw formatError(`${name}: ${error.message}`);
    throw error;
  }
}

function readHeader(
  bytes: Uint8Array,
  name: string,
): {
  entries: Entry[];
  metadata: Record<string, string>;
  data: Uint8Array;
} {
  const damaged = (what: string): RecurraError =>
    formatError(
      `${name}: the header does not fit the file (${what}); it was cut short or is not a ` +
        ".safetensors file.",
    );
  if (bytes.length < 8) throw damaged("it has fewer than 8 bytes");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  if (length > MOST_HEADER_BYTES || length > bytes.length - 8) {
    throw damaged(`it claims ${length} bytes of header, but ${bytes.length - 8} are left`);
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes.slice(8, 8 + length));
  } catch {
    throw damaged("it is not UTF-8");
  }
  const header = parseObject(text, `${name}: the header`);
  const data = bytes.subarray(8 + length);
  const given = header.__metadata__ ?? {};
  if (!isObject(given) || Object.values(given).some((value) => typeof value !== "string")) {
    throw damaged("its metadata are not texts");
  }
  const entries = Object.entries(header)
    .filter(([key]) => key !== "__metadata__")
    .map(([key, entry]) => readEntry(key, entry, damaged, name));
  // Every byte belongs to one array: no gap, no overlap, nothing behind.
  let end = 0;
  for (const entry of [...entries].sort((a, b) => a.from - b.from || a.to - b.to)) {
    if (entry.from !== end)
      throw damaged(`'${entry.name}' does not begin where the one before ends`);
    end = entry.to;
  }
  if (end !== data.length)
    throw damaged(`the arrays take ${end} bytes, but ${data.length} are there`);
  return { entries, metadata: given as Record<string, string>, data };
}

function readEntry(
  key: string,
  entry: unknown,
  damaged: (what: string) => RecurraError,
  name: string,
): Entry {
  if (!isObject(entry)) throw damaged(`'${key}' is no array`);
  const { dtype, shape, data_offsets: offsets } = entry;
  const natural = (value: unknown): value is number =>
    Number.isSafeInteger(value) && Number(value) >= 0;
  if (
    typeof dtype !== "string" ||
    !Array.isArray(shape) ||
    !shape.every(natural) ||
    !Array.isArray(offsets) ||
    offsets.length !== 2 ||
    !offsets.every(natural)
  ) {
    throw damaged(`'${key}' lacks its shape or place`);
  }
  const size = SIZES.get(dtype);
  if (size === undefined) {
    throw formatError(
      `${name}: '${key}' holds ${dtype} numbers, but only F32, F64, I64 are read here.`,
    );
  }
  const [from, to] = offsets as [number, number];
  if (shape.reduce((product: number, n: number) => product * n, size) !== to - from) {
    throw damaged(`'${key}' is [${shape.join(", ")}], but has ${to - from} bytes`);
  }
  return { name: key, dtype, shape: shape as number[], from, to };
}

function readArray(data: Uint8Array, entry: Entry): Float32Array {
  // Copied first: arrays in a file need not be aligned.
  const { buffer } = data.slice(entry.from, entry.to);
  return entry.dtype === "F64"
    ? Float32Array.from(new Float64Array(buffer))
    : new Float32Array(buffer);
}

function mergeBiases(weights: Weights): void {
  for (const [name, second] of [...weights]) {
    if (!name.startsWith("bias_hh_l")) continue;
    weights.delete(name);
    const first = weights.get(name.replace("bias_hh", "bias_ih"))!;
    // Adding zero would turn -0 into 0: a file then would not come back bit for bit.
    if (second.some((value) => value !== 0)) second.forEach((value, n) => (first[n]! += value));
  }
}

/** Return the bytes of a model file. Throws where the weights are not those of the document's spec. */
export function writeModel(weights: Weights, document: ModelDocument): Uint8Array<ArrayBuffer> {
  const spec = parseSpec(document.spec);
  const shapes = parameterShapes(spec);
  const arrays = new Map<string, { shape: Shape; values: Float32Array }>();
  for (const [name, shape] of shapes) {
    const values = weights.get(name);
    if (!values || values.length !== shape.reduce((a, b) => a * b, 1)) {
      throw formatError(
        `the weights lack '${name}' [${shape.join(", ")}], which the network needs.`,
      );
    }
    arrays.set(name, { shape, values });
    if (isVanilla(spec.stack.cell) && name.startsWith("bias_ih_l")) {
      // PyTorch's second bias, so that the file opens there.
      const zeros = new Float32Array(values.length);
      arrays.set(name.replace("bias_ih", "bias_hh"), { shape, values: zeros });
    }
  }
  const text = JSON.stringify({ ...document, format_version: FORMAT_VERSION });
  const header: Record<string, unknown> = { __metadata__: { [KEY]: text } };
  const names = [...arrays.keys()].sort();
  let end = 0;
  for (const name of names) {
    const { shape, values } = arrays.get(name)!;
    header[name] = { dtype: "F32", shape, data_offsets: [end, end + 4 * values.length] };
    end += 4 * values.length;
  }
  let head = new TextEncoder().encode(JSON.stringify(header));
  const padded = new Uint8Array(Math.ceil(head.length / 8) * 8).fill(0x20);
  padded.set(head);
  head = padded;
  const bytes = new Uint8Array(8 + head.length + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(head.length), true);
  bytes.set(head, 8);
  let at = 8 + head.length;
  for (const name of names) {
    const { values } = arrays.get(name)!;
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at += values.byteLength;
  }
  return bytes;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseObject(text: string, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw formatError(`${where} is not JSON: ${String((error as Error).message).slice(0, 160)}.`);
  }
  if (!isObject(value)) throw formatError(`${where} has to be an object.`);
  return value;
}
