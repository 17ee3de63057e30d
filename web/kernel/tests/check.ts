/**
 * Hold the kernel against golden cases that Python wrote with its reference engine, in float64.
 *
 * Runs in Node and in a browser's Worker alike. The measure is that of tests/parity/bounds.py: the
 * largest difference over the larger of 1 and the largest value.
 */

import { initialise } from "../src/initialise.ts";
import type { Kernel } from "../src/kernel.ts";
import type { Batch, Gradients, State } from "../src/contract.ts";
import { Network } from "../src/network.ts";
import type { OptimiserOptions, SamplingOptions } from "../src/options.ts";
import { parseSpec, stateParts, type Weights } from "../src/spec.ts";
import { LastPosition, Streams, type Windows } from "../src/windows.ts";

/** Numbers in base64: f4, f8, i4 or u1, little-endian. */
export interface Packed {
  type: "f4" | "f8" | "i4" | "u1";
  data: string;
}
type PackedMap = Record<string, Packed>;

interface GoldenGradients {
  params: PackedMap;
  inputs: Packed;
  state: PackedMap;
}

interface NetworkCase {
  name: string;
  spec: unknown;
  optimiser: Partial<OptimiserOptions>;
  weights: PackedMap;
  state: PackedMap;
  window: {
    time: number;
    batch: number;
    inputs: Packed;
    targets: Packed;
    weights?: Packed;
    resets?: Packed;
  };
  doutputs: Packed;
  rate: number;
  seed: number;
  steps: number;
  want: {
    outputs: Packed;
    after: PackedMap;
    log_probs: Packed;
    report: Record<string, number>;
    gradients: GoldenGradients;
    backward: GoldenGradients;
    trace: PackedMap;
    losses: Packed;
    trained: PackedMap;
    generated?: Array<{
      sampling: Partial<SamplingOptions>;
      seed: number;
      tokens: Packed;
      log_probs: Packed;
    }>;
  };
}

interface WindowsCase {
  name: string;
  tokens: Packed;
  resets: Packed;
  options: { batch: number; window: number; stride: number; seed: number; limit: number | null };
  last: boolean;
  count: number;
  at: Array<{
    n: number;
    time: number;
    batch: number;
    inputs: Packed;
    targets: Packed;
    weights?: Packed;
    resets?: Packed;
    carries: boolean;
    tokens: number;
  }>;
}

interface InitialCase {
  name: string;
  spec: unknown;
  seed: string;
  want: PackedMap;
}

export interface Golden {
  networks: NetworkCase[];
  windows: WindowsCase[];
  initial: InitialCase[];
}

export interface Result {
  name: string;
  /** The largest error of each quantity; Infinity where lengths differ. */
  errors: Record<string, number>;
  /** Things that have to be equal and are not. */
  unequal: string[];
  jobs: number;
}

export function unpack(packed: Packed): Float32Array | Float64Array | Int32Array | Uint8Array {
  const bytes = Uint8Array.from(atob(packed.data), (character) => character.charCodeAt(0));
  switch (packed.type) {
    case "f4":
      return new Float32Array(bytes.buffer);
    case "f8":
      return new Float64Array(bytes.buffer);
    case "i4":
      return new Int32Array(bytes.buffer);
    default:
      return bytes;
  }
}

const unpackAll = (map: PackedMap): Weights =>
  new Map(Object.entries(map).map(([name, packed]) => [name, Float32Array.from(unpack(packed))]));

export function error(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) return Infinity;
  let [worst, largest] = [0, 1];
  for (let n = 0; n < want.length; n++) {
    worst = Math.max(worst, Math.abs(got[n]! - want[n]!));
    largest = Math.max(largest, Math.abs(want[n]!));
    if (Number.isNaN(got[n]!)) return Infinity;
  }
  return worst / largest;
}

export function checkAll(kernel: Kernel, golden: Golden): Result[] {
  return [
    ...golden.networks.map((one) => checkNetwork(kernel, one)),
    ...golden.windows.map((one) => checkWindows(kernel, one)),
    ...golden.initial.map((one) => checkInitial(kernel, one)),
  ];
}

function checkNetwork(kernel: Kernel, one: NetworkCase): Result {
  const errors: Record<string, number> = {};
  const unequal: string[] = [];
  const held = kernel.arena.used - rounded(kernel.workspaceBytes);
  const spec = parseSpec(one.spec);
  const network = new Network(kernel, spec, unpackAll(one.weights), one.optimiser);
  const compare = (what: string, got: ArrayLike<number>, want: Packed): void => {
    errors[what] = Math.max(errors[what] ?? 0, error(got, unpack(want)));
  };
  const compareAll = (what: string, got: Weights, want: PackedMap): void => {
    if ([...got.keys()].sort().join() !== Object.keys(want).sort().join()) unequal.push(what);
    for (const [name, packed] of Object.entries(want)) compare(what, got.get(name) ?? [], packed);
  };
  const compareGradients = (what: string, got: Gradients, want: GoldenGradients): void => {
    compareAll(`${what} params`, got.params, want.params);
    compare(`${what} inputs`, got.inputs, want.inputs);
    compareAll(`${what} state`, network.stateArrays(got.state), want.state);
  };
  const { time, batch } = one.window;
  const given = {
    inputs: unpack(one.window.inputs) as Int32Array | Float32Array,
    targets: unpack(one.window.targets) as Int32Array,
    weights: one.window.weights && (unpack(one.window.weights) as Float32Array),
    resets: one.window.resets && (unpack(one.window.resets) as Uint8Array),
  };
  const window: Batch = { time, batch, ...given };
  const state = joinState(spec, batch, unpackAll(one.state));

  const forward = network.forward(window, state);
  compare("outputs", forward.outputs, one.want.outputs);
  compareAll("state", network.stateArrays(forward.state), one.want.after);
  const judged = network.evaluate(window, state);
  compare("log_probs", judged.log_probs, one.want.log_probs);
  compareAll("state", network.stateArrays(judged.state), one.want.after);
  const learned = network.gradients(window, state);
  compareGradients("gradients", learned.gradients, one.want.gradients);
  for (const report of [judged.report, learned.report]) {
    for (const [name, value] of Object.entries(one.want.report)) {
      const found = (report as unknown as Record<string, number>)[name]!;
      errors.report = Math.max(errors.report ?? 0, error([found], [value]));
    }
  }
  const doutputs = Float32Array.from(unpack(one.doutputs));
  compareGradients("backward", network.backward(window, state, doutputs), one.want.backward);
  compareAll("trace", network.trace(window, state), one.want.trace);
  if (error(network.weights().get("head.bias")!, unpack(one.weights["head.bias"]!)) !== 0) {
    unequal.push("weights before learning");
  }
  for (const { sampling, seed, tokens, log_probs } of one.want.generated ?? []) {
    const want = unpack(tokens);
    const count = want.length / batch;
    const first = given.inputs.subarray(0, batch);
    const drawn = network.generate(first, state, count, sampling, { seed });
    if (drawn.tokens.join() !== want.join()) unequal.push(`generated ${JSON.stringify(sampling)}`);
    else compare("generated log_probs", drawn.log_probs, log_probs);
    // In two calls: the same.
    const half = Math.floor(count / 2);
    if (half > 0) {
      const left = network.generate(first, state, half, sampling, { seed });
      const last = left.tokens.subarray((half - 1) * batch);
      const right = network.generate(last, left.state, count - half, sampling, {
        seed,
        start: half,
      });
      if ([...left.tokens, ...right.tokens].join() !== drawn.tokens.join())
        unequal.push("cut in two");
    }
  }
  let carried: State = state;
  const losses: number[] = [];
  for (let step = 0; step < one.steps; step++) {
    const found = network.trainStep(window, carried, {
      learning_rate: one.rate,
      step,
      seed: one.seed,
    });
    carried = found.state;
    losses.push(found.report.loss_nats);
  }
  compare("losses", losses, one.want.losses);
  compareAll("trained", network.weights(), one.want.trained);
  // What is taken up again goes on as what was never stopped.
  const again = new Network(kernel, spec, network.weights(), one.optimiser);
  again.loadOptimiserState(network.optimiserState());
  const how = { learning_rate: one.rate, step: one.steps, seed: one.seed };
  network.trainStep(window, carried, how);
  again.trainStep(window, carried, how);
  for (const [name, array] of network.weights()) {
    if (error(again.weights().get(name)!, array) !== 0) unequal.push(`${name} after taking up`);
  }
  again.dispose();
  const { jobs } = network;
  network.dispose();
  // The workspace stays with the kernel; everything else is given back.
  if (kernel.arena.used - rounded(kernel.workspaceBytes) !== held) unequal.push("memory held");
  return { name: one.name, errors, unequal, jobs };
}

/** As the arena rounds. */
const rounded = (bytes: number): number => Math.ceil(bytes / 64) * 64;

function joinState(spec: ReturnType<typeof parseSpec>, batch: number, arrays: Weights): State {
  const parts = stateParts(spec).map(({ name }) => arrays.get(name)!);
  return { batch, floats: Float32Array.from(parts.flatMap((part) => [...part])) };
}

function checkWindows(kernel: Kernel, one: WindowsCase): Result {
  const unequal: string[] = [];
  const tokens = unpack(one.tokens) as Uint8Array;
  const { batch, window, stride, seed, limit } = one.options;
  const resets = unpack(one.resets);
  const windows: Windows = one.last
    ? new LastPosition(kernel, tokens, { batch, window, stride, seed, resets })
    : new Streams(tokens, { batch, window, resets, ...(limit === null ? {} : { limit }) });
  if (windows.count !== one.count) unequal.push(`count ${windows.count}, not ${one.count}`);
  for (const want of one.at) {
    const got = windows.at(want.n);
    const same = (name: "inputs" | "targets" | "weights" | "resets"): boolean => {
      const packed = want[name];
      return (packed ? [...unpack(packed)] : []).join() === [...(got.batch[name] ?? [])].join();
    };
    const fits =
      got.batch.time === want.time &&
      got.batch.batch === want.batch &&
      got.carries === want.carries &&
      got.tokens === want.tokens &&
      same("inputs") &&
      same("targets") &&
      same("weights") &&
      same("resets");
    if (!fits) unequal.push(`window ${want.n}`);
  }
  return { name: one.name, errors: {}, unequal, jobs: 0 };
}

function checkInitial(kernel: Kernel, one: InitialCase): Result {
  const found = initialise(kernel, parseSpec(one.spec), BigInt(one.seed));
  const errors: Record<string, number> = {};
  for (const [name, packed] of Object.entries(one.want)) {
    errors[name.startsWith("embedding") ? "normals" : "first weights"] = Math.max(
      errors[name.startsWith("embedding") ? "normals" : "first weights"] ?? 0,
      error(found.get(name) ?? [], unpack(packed)),
    );
  }
  return { name: one.name, errors, unequal: [], jobs: 0 };
}
