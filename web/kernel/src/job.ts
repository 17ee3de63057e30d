/**
 * RecurraJob of recurra.h: one struct in which every field takes eight bytes on every machine.
 *
 * The list of fields is the one in src/recurra/kernel/library.py; a test holds them together, and
 * `Kernel.load` compares the struct's size and version with the module's.
 */

export const ABI = 1;

/** i a 64-bit integer, f a float64, p an address (the lower half of eight bytes). */
const FIELDS = `
i abi mode time batch threads description_length
p description params packed
i pack
p workspace
i workspace_bytes
p pool tokens vectors targets weights resets state_in state_out outputs doutputs log_probs report
p grads gathered dinputs dstate trace
f dropout recurrent_dropout
i seed index part parts rule
f rate momentum beta1 beta2 rho epsilon decay clip_norm clip_value
i step
p first second
i count start
p lanes drawn
f temperature top_p min_p
i top_k resample greedy
`;

export type FieldKind = "i" | "f" | "p";

/** Name, kind and byte offset of every field, in order. */
export const JOB_FIELDS: ReadonlyArray<{ name: string; kind: FieldKind; offset: number }> =
  FIELDS.trim()
    .split("\n")
    .flatMap((line) => {
      const [kind, ...names] = line.split(" ");
      return names.map((name) => ({ name, kind: kind as FieldKind }));
    })
    .map((field, place) => ({ ...field, offset: 8 * place }));

export const JOB_BYTES = 8 * JOB_FIELDS.length;

const BY_NAME = new Map(JOB_FIELDS.map((field) => [field.name, field]));

export type JobValues = Readonly<Record<string, number | bigint>>;

/** Write a job at `address`: fields that are not given are zero. Integers may be bigints. */
export function writeJob(view: DataView, address: number, values: JobValues): void {
  for (let at = address; at < address + JOB_BYTES; at += 8) view.setBigUint64(at, 0n, true);
  for (const [name, value] of Object.entries(values)) {
    const field = BY_NAME.get(name);
    if (!field) throw new TypeError(`a job has no field '${name}'`);
    const at = address + field.offset;
    if (field.kind === "f") view.setFloat64(at, Number(value), true);
    else if (field.kind === "p") view.setUint32(at, Number(value), true);
    else view.setBigInt64(at, BigInt(value), true);
  }
}

export const MODE = { forward: 0, evaluate: 1, backward: 2, gradients: 3, train: 4, generate: 5 };
