/**
 * The weights of one spec in the kernel's memory, and all that can be done with them: the contract
 * of engines/base.py, in TypeScript.
 *
 * Arrays are time-major and flat: position t of sequence b is at t * batch + b. A network never
 * changes an array that it was given. Everything is float32; losses are in nats.
 */

import { configError, formatError, shapeError } from "./errors.ts";
import { MODE, type JobValues } from "./job.ts";
import {
  asReport,
  type Batch,
  type Drawn,
  type Gradients,
  type Inputs,
  type Report,
  type State,
  type StepOptions,
} from "./contract.ts";
import { JobArrays } from "./job-arrays.ts";
import { accept, type Kernel } from "./kernel.ts";
import { checkWeights, Layout } from "./layout.ts";
import {
  isGreedy,
  optimiser,
  RULES,
  sampling,
  type OptimiserOptions,
  type SamplingOptions,
} from "./options.ts";
import { describe, features, gates, stateParts, type Spec, type Weights } from "./spec.ts";

/** Longer windows are run in pieces when nothing is learned from them: memory stays small. */
const CHUNK_POSITIONS = 4096;

export class Network {
  /** Jobs that the kernel has done for this network. */
  jobs = 0;
  private readonly description: BigInt64Array;
  private readonly descriptionAt: number;
  private readonly layout: Layout;
  private readonly flat: number;
  private readonly packed: number;
  private readonly moments = new Map<string, number>();
  private grads = 0;
  private gathered = 0;
  private updates = 0;
  private packedIsCurrent = false;
  private readonly optimiser: OptimiserOptions;
  private readonly stateWidth: number;

  /** Throws FormatError where the weights do not fit the spec. */
  constructor(
    readonly kernel: Kernel,
    readonly spec: Spec,
    weights: Weights,
    rule: Partial<OptimiserOptions> = {},
  ) {
    const { arena, functions } = kernel;
    this.optimiser = optimiser(rule);
    checkWeights(spec, weights);
    this.description = describe(spec);
    const length = BigInt(this.description.length);
    this.descriptionAt = arena.allocate(8 * this.description.length);
    arena.longs(this.descriptionAt, this.description.length).set(this.description);
    this.layout = new Layout(kernel, spec, this.descriptionAt, length);
    this.flat = arena.allocate(4 * this.layout.size);
    this.packed = arena.allocate(
      4 * accept(functions.recurra_packed_size(this.descriptionAt, length)),
    );
    this.stateWidth = stateParts(spec).reduce((sum, part) => sum + part.width, 0);
    this.loadWeights(weights);
  }

  /** Give the memory back. The network is of no use afterwards. */
  dispose(): void {
    const held = [this.descriptionAt, this.flat, this.packed, this.grads, this.gathered];
    for (const at of [...held, ...this.moments.values()]) this.kernel.arena.free(at);
    this.moments.clear();
    this.grads = this.gathered = 0;
  }

  // Weights and state

  /** Return a copy of the weights, by name, row by row. */
  weights(): Weights {
    return this.layout.read(this.flat);
  }

  /** Replace the weights and start the optimiser afresh. */
  loadWeights(weights: Weights): void {
    checkWeights(this.spec, weights);
    this.layout.write(weights, this.flat);
    for (const at of this.moments.values()) this.kernel.arena.floats(at, this.layout.size).fill(0);
    this.updates = 0;
    this.packedIsCurrent = false;
  }

  /** Return the optimiser's moments and its step count, under the names of the Python library. */
  optimiserState(): Weights {
    const state: Weights = new Map([["step", Float32Array.of(this.updates)]]);
    for (const moment of this.momentNames()) {
      const at = this.moments.get(moment);
      const arrays = at ? this.layout.read(at) : this.layout.zeros();
      for (const [name, array] of arrays) state.set(`${moment}/${name}`, array);
    }
    return state;
  }

  /** Throws FormatError where a moment is missing or of another size. */
  loadOptimiserState(state: Weights): void {
    for (const moment of this.momentNames()) {
      const part: Weights = new Map();
      for (const name of this.layout.names()) {
        const array = state.get(`${moment}/${name}`);
        if (!array) throw formatError(`the optimiser's state lacks '${moment}/${name}'.`);
        part.set(name, array);
      }
      checkWeights(this.spec, part);
      this.layout.write(part, this.moment(moment));
    }
    this.updates = state.get("step")?.[0] ?? 0;
  }

  zeroState(batch: number): State {
    return { batch, floats: new Float32Array(batch * this.stateWidth) };
  }

  /** Return the parts of a state by name, each [B, width], without a copy. */
  stateArrays(state: State): Weights {
    const arrays: Weights = new Map();
    let cursor = 0;
    for (const { name, width } of stateParts(this.spec)) {
      const end = cursor + state.batch * width;
      arrays.set(name, state.floats.subarray(cursor, end));
      cursor = end;
    }
    return arrays;
  }

  // Forward and backward

  /** Return logits [T, B, V] and the state after the window. */
  forward(window: Inputs, state: State): { outputs: Float32Array; state: State } {
    const outputs = this.spec.head.vocabulary_size;
    const found = new Float32Array(window.time * window.batch * outputs);
    let [after, cursor] = [state, 0];
    for (const piece of this.pieces(window)) {
      const rows = piece.time * piece.batch;
      const job = new JobArrays(this.kernel);
      const at = job.floats(rows * outputs);
      after = this.run(job, MODE.forward, piece, after, { outputs: at });
      found.set(this.kernel.arena.floats(at, rows * outputs), cursor);
      job.free();
      cursor += rows * outputs;
    }
    return { outputs: found, state: after };
  }

  /** Return every gate and state by name, each [T, B, H], and `logits` [T, B, V]. */
  trace(window: Inputs, state: State): Weights {
    const { cell, sizes } = this.spec.stack;
    const names = [...gates(cell), ...(cell.gru ? ["h"] : ["c", "h"])];
    const parts = sizes.flatMap((units, k) =>
      names.map((name) => ({ name: `${name}_l${k}`, units })),
    );
    const outputs = this.spec.head.vocabulary_size;
    const positions = window.time * window.batch;
    const found: Weights = new Map(
      parts.map(({ name, units }) => [name, new Float32Array(positions * units)]),
    );
    found.set("logits", new Float32Array(positions * outputs));
    let [after, done] = [state, 0];
    for (const piece of this.pieces(window)) {
      const rows = piece.time * piece.batch;
      const job = new JobArrays(this.kernel);
      const logits = job.floats(rows * outputs);
      let at = job.floats(rows * parts.reduce((sum, { units }) => sum + units, 0));
      after = this.run(job, MODE.forward, piece, after, { outputs: logits, trace: at });
      for (const { name, units } of parts) {
        found.get(name)!.set(this.kernel.arena.floats(at, rows * units), done * units);
        at += 4 * rows * units;
      }
      found.get("logits")!.set(this.kernel.arena.floats(logits, rows * outputs), done * outputs);
      job.free();
      done += rows;
    }
    return found;
  }

  /** Return the report, the log-probability of each target [T, B] in nats, and the state after. */
  evaluate(batch: Batch, state: State): { report: Report; log_probs: Float64Array; state: State } {
    const log_probs = new Float64Array(batch.time * batch.batch);
    const sums = [0, 0, 0, 0];
    let [after, cursor] = [state, 0];
    for (const piece of this.pieces(batch)) {
      const rows = piece.time * piece.batch;
      const job = new JobArrays(this.kernel);
      const [at, report] = [job.doubles(rows), job.doubles(5)];
      after = this.run(job, MODE.evaluate, piece, after, { log_probs: at, report });
      log_probs.set(this.kernel.arena.doubles(at, rows), cursor);
      const numbers = this.kernel.arena.doubles(report, 5);
      for (let k = 0; k < 3; k++) sums[k]! += numbers[k]! * numbers[3]!;
      sums[3]! += numbers[3]!;
      job.free();
      cursor += rows;
    }
    const total = Math.max(sums[3]!, 1e-30);
    const means = [sums[0]! / total, sums[1]! / total, sums[2]! / total, sums[3]!, NaN];
    return { report: asReport(means), log_probs, state: after };
  }

  /** Return the derivatives of sum(outputs * doutputs), nothing else changed. */
  backward(window: Inputs, state: State, doutputs: Float32Array): Gradients {
    const wanted = window.time * window.batch * this.spec.head.vocabulary_size;
    if (doutputs.length !== wanted) {
      throw shapeError(`doutputs hold ${doutputs.length} numbers, the outputs ${wanted}.`);
    }
    const job = new JobArrays(this.kernel);
    const at = job.putFloats(doutputs);
    return this.derivatives(job, MODE.backward, window, state, { doutputs: at });
  }

  /** Return the loss of a window and its derivatives, without dropout, nothing changed. */
  gradients(batch: Batch, state: State): { report: Report; gradients: Gradients } {
    const job = new JobArrays(this.kernel);
    const at = job.doubles(5);
    let report = asReport([]);
    const gradients = this.derivatives(job, MODE.gradients, batch, state, { report: at }, () => {
      report = asReport([...this.kernel.arena.doubles(at, 4), NaN]);
    });
    return { report, gradients };
  }

  private derivatives(
    job: JobArrays,
    mode: number,
    window: Inputs,
    state: State,
    more: JobValues,
    read?: () => void,
  ): Gradients {
    const inputs = window.time * window.batch * features(this.spec);
    const width = state.batch * this.stateWidth;
    const [grads, dinputs, dstate] = [
      job.floats(this.layout.size),
      job.floats(inputs),
      job.floats(width),
    ];
    this.run(job, mode, window, state, { ...more, grads, dinputs, dstate });
    read?.();
    const { arena } = this.kernel;
    const found = {
      params: this.layout.read(grads),
      inputs: arena.floats(dinputs, inputs).slice(),
      state: { batch: state.batch, floats: arena.floats(dstate, width).slice() },
    };
    job.free();
    return found;
  }

  // Learning

  /** Learn from one window and return its report and the state after it. */
  trainStep(batch: Batch, state: State, how: StepOptions): { report: Report; state: State } {
    const { part = 0, parts = 1 } = how;
    const o = this.optimiser;
    const { arena } = this.kernel;
    this.grads ||= arena.allocate(4 * this.layout.size);
    if (parts > 1) this.gathered ||= arena.allocate(4 * this.layout.size);
    const names = this.momentNames();
    const first = names.find((name) => name !== "square");
    const job = new JobArrays(this.kernel);
    const report = job.doubles(5);
    const after = this.run(job, MODE.train, batch, state, {
      report,
      grads: this.grads,
      gathered: parts > 1 ? this.gathered : 0,
      first: first ? this.moment(first) : 0,
      second: names.includes("square") ? this.moment("square") : 0,
      dropout: this.spec.stack.dropout,
      recurrent_dropout: this.spec.stack.recurrent_dropout,
      seed: BigInt.asIntN(64, BigInt(how.seed)),
      index: how.step * parts + part,
      part,
      parts,
      rule: RULES.indexOf(o.optimiser),
      rate: how.learning_rate,
      momentum: o.momentum,
      beta1: o.beta1,
      beta2: o.beta2,
      rho: o.rho,
      epsilon: o.epsilon,
      decay: o.weight_decay,
      clip_norm: o.clip_norm,
      clip_value: o.clip_value,
      step: this.updates + 1,
    });
    const numbers = [...arena.doubles(report, 5)];
    job.free();
    this.packedIsCurrent = false;
    const last = part === parts - 1;
    if (last) this.updates += 1;
    else numbers[4] = NaN;
    return { report: asReport(numbers), state: after };
  }

  // Generation

  /**
   * Read `tokens` [B], draw the next, read that, and so on: `count` draws a sequence.
   *
   * Draw n of sequence b uses the block at counter (start + n, lanes[b]) of the sample stream, so a
   * text does not depend on how it is cut into calls.
   */
  generate(
    tokens: ArrayLike<number>,
    state: State,
    count: number,
    rules: Partial<SamplingOptions>,
    { seed, start = 0, lanes }: { seed: number | bigint; start?: number; lanes?: number[] },
  ): Drawn {
    const options = sampling(rules);
    const batch = tokens.length;
    if (count < 1) throw configError("the length has to be at least 1.", "length");
    const inputs = Int32Array.from(tokens);
    const job = new JobArrays(this.kernel);
    const at = {
      lanes: job.putLongs(lanes ?? Array.from(inputs, (_, b) => b)),
      drawn: job.bytes(8 * count * batch),
      log_probs: job.doubles(count * batch),
    };
    const after = this.run(job, MODE.generate, { time: 1, batch, inputs }, state, {
      ...at,
      count,
      start,
      seed: BigInt.asIntN(64, BigInt(seed)),
      temperature: options.temperature,
      top_k: options.top_k,
      top_p: options.top_p,
      min_p: options.min_p,
      resample: Number(options.resample),
      greedy: Number(isGreedy(options)),
    });
    const { arena } = this.kernel;
    const drawn = {
      tokens: arena.readLongs(at.drawn, count * batch),
      log_probs: arena.doubles(at.log_probs, count * batch).slice(),
      state: after,
    };
    job.free();
    return drawn;
  }

  // Parts

  /** Do one job and return the state after it. Throws before anything has changed. */
  private run(
    job: JobArrays,
    mode: number,
    window: Inputs | Batch,
    state: State,
    more: JobValues,
  ): State {
    const { arena } = this.kernel;
    try {
      this.check(window, state);
      const width = state.batch * this.stateWidth;
      const [before, after] = [job.putFloats(state.floats), job.floats(width)];
      const targets = "targets" in window ? window.targets : undefined;
      const weights = "weights" in window ? window.weights : undefined;
      const learns = mode >= MODE.backward && mode <= MODE.train;
      const isVector = this.spec.input.kind === "vector";
      this.kernel.run(
        {
          mode,
          time: window.time,
          description_length: this.description.length,
          description: this.descriptionAt,
          params: this.flat,
          packed: this.packed,
          pack: Number(learns || !this.packedIsCurrent),
          state_in: before,
          state_out: after,
          tokens: isVector ? 0 : job.putLongs(window.inputs),
          vectors: isVector ? job.putFloats(window.inputs) : 0,
          targets: targets ? job.putLongs(targets) : 0,
          weights: weights ? job.putFloats(weights) : 0,
          resets: window.resets ? job.putBytes(window.resets) : 0,
          ...more,
        },
        window.batch,
      );
      this.jobs += 1;
      if (mode !== MODE.train) this.packedIsCurrent = true;
      return { batch: state.batch, floats: arena.floats(after, width).slice() };
    } catch (error) {
      job.free();
      throw error;
    }
  }

  private check(window: Inputs | Batch, state: State): void {
    const positions = window.time * window.batch;
    const wanted = this.spec.input.kind === "vector" ? positions * features(this.spec) : positions;
    if (window.inputs.length !== wanted || window.batch !== state.batch) {
      throw shapeError(
        `the window holds ${window.inputs.length} numbers for ${window.batch} sequences, but the ` +
          `network reads ${wanted} and the state holds ${state.batch} sequences.`,
      );
    }
    for (const name of ["targets", "weights", "resets"] as const) {
      const array = (window as Partial<Batch>)[name];
      if (array && array.length !== positions) {
        throw shapeError(
          `${name} hold ${array.length} numbers, the window ${positions} positions.`,
        );
      }
    }
  }

  /** Cut a window that nothing is learned from into pieces along time. */
  private *pieces<W extends Inputs>(window: W): Generator<W> {
    const { time, batch } = window;
    const length = Math.max(1, Math.floor(CHUNK_POSITIONS / Math.max(batch, 1)));
    const width = this.spec.input.kind === "vector" ? features(this.spec) : 1;
    if (time <= length) {
      yield window;
      return;
    }
    for (let t = 0; t < time; t += length) {
      const [from, to] = [t * batch, Math.min(t + length, time) * batch];
      const piece: W = { ...window, time: (to - from) / batch };
      piece.inputs = window.inputs.subarray(from * width, to * width);
      const [whole, cut] = [window as Partial<Batch>, piece as Partial<Batch>];
      if (whole.resets) cut.resets = whole.resets.subarray(from, to);
      if (whole.targets) cut.targets = whole.targets.subarray(from, to);
      if (whole.weights) cut.weights = whole.weights.subarray(from, to);
      yield piece;
    }
  }

  private momentNames(): string[] {
    switch (this.optimiser.optimiser) {
      case "sgd":
        return this.optimiser.momentum ? ["momentum"] : [];
      case "adagrad":
      case "rmsprop":
        return ["square"];
      default:
        return ["mean", "square"];
    }
  }

  private moment(name: string): number {
    let at = this.moments.get(name);
    if (at === undefined) {
      at = this.kernel.arena.allocate(4 * this.layout.size);
      this.moments.set(name, at);
    }
    return at;
  }
}
