/** A model of number sequences in the browser: asked as tasks/series/numbers/model.py asks it. */

import type { Batch, State } from "../contract.ts";
import { configError, formatError } from "../errors.ts";
import type { Kernel } from "../kernel.ts";
import { readModel, type ModelDocument, type ModelFile } from "../model-file.ts";
import { Network } from "../network.ts";
import { picked } from "../picked.ts";
import { features as inputs, parameterCount } from "../spec.ts";
import { logSoftmax } from "../text-model.ts";
import { encode, features, fromDigits, limit, toDigits } from "./digits.ts";

/** Continuations of digits that are followed side by side. */
const BEAM = 12;
/** Below this probability a given number does not fit what was learned. */
const UNLIKELY = 0.01;
/** Terms that have to be known before the next one is determined, by family. */
export const NEEDED: Readonly<Record<string, number>> = {
  arithmetic: 3,
  geometric: 3,
  fibonacci: 4,
  squares: 4,
  alternating: 5,
  recurrence: 5,
};

export interface NumberAnswer {
  number: number;
  probability: number;
}

export interface Answers {
  /** Likeliest first. */
  answers: NumberAnswer[];
  /** How much each number of the question moved the first answer: shares of 1. */
  weights: number[];
  /** Why the answer should not be trusted, in sentences. */
  notes: string[];
}

interface Beam {
  digits: number[];
  score: number;
  from: number;
}

const grouped = new Intl.NumberFormat("en-US");
const said = (number: number): string => grouped.format(number);

export class NumberModel {
  readonly network: Network;
  readonly document: ModelDocument;
  /** Numbers of the training stayed below it. */
  readonly most: number;
  private readonly seen: number;
  private readonly width: number;
  private readonly families: string[];

  /** Throws FormatError where the file is not one of a model of number sequences. */
  constructor(kernel: Kernel, file: ModelFile, name = "the file") {
    const { task } = file.document;
    if (task.kind !== "numbers") {
      throw formatError(
        `${name}: this is a model of ${String(task.kind)}, not of number sequences.`,
      );
    }
    const options = (task.options as Record<string, Record<string, unknown>> | undefined)
      ?.sequences;
    const { digits, terms, families } = options ?? {};
    const whole = (value: unknown, low: number, high: number): value is number =>
      Number.isInteger(value) && Number(value) >= low && Number(value) <= high;
    if (
      !whole(digits, 1, 12) ||
      !whole(terms, 4, 64) ||
      !Array.isArray(families) ||
      !families.length ||
      families.some((one) => !(String(one) in NEEDED))
    ) {
      throw formatError(`${name}: the model's task does not say which numbers it learned.`);
    }
    [this.seen, this.width, this.most] = [terms - 1, digits + 1, 10 ** digits];
    this.families = families.map(String);
    const { spec } = file;
    if (
      spec.input.kind !== "vector" ||
      inputs(spec) !== features(this.seen) ||
      spec.head.vocabulary_size !== 10
    ) {
      throw formatError(`${name}: the network does not read and predict digits.`);
    }
    this.document = file.document;
    this.network = new Network(kernel, spec, file.weights);
  }

  static read(kernel: Kernel, bytes: Uint8Array, name?: string): NumberModel {
    return new NumberModel(kernel, readModel(bytes, name), name);
  }

  get parameters(): number {
    return parameterCount(this.network.spec);
  }

  /** Give the kernel's memory back. */
  dispose(): void {
    this.network.dispose();
  }

  /** What may come after some numbers, the likeliest `count` of it. Throws ConfigError. */
  ask(numbers: readonly number[], count = 5): Answers {
    const answers = this.answers(numbers, count);
    const weights = this.weights(numbers, answers[0]!.number);
    return { answers, weights, notes: this.notes(numbers, answers[0]!.number) };
  }

  /** The likeliest next terms, one after the other. */
  goOn(numbers: readonly number[], terms: number): NumberAnswer[] {
    const [known, found] = [[...numbers], [] as NumberAnswer[]];
    while (found.length < terms) {
      const best = this.answers(known, 1)[0]!;
      found.push(best);
      if (Math.abs(best.number) >= limit(this.width)) break;
      known.push(best.number);
    }
    return found;
  }

  private answers(numbers: readonly number[], count: number): NumberAnswer[] {
    if (numbers.length < 2) {
      throw configError("a sequence needs at least two numbers to go on from.");
    }
    const most = limit(this.width);
    const large = numbers.find((number) => Math.abs(number) >= most);
    if (large !== undefined) {
      throw configError(
        `${said(large)} is too large: this model writes numbers with ${this.width} digits, which ` +
          `stay below ${said(most)}, and learned numbers below ${said(this.most)}.`,
      );
    }
    const x = encode(numbers, this.seen, this.width);
    const half = x.length / 2;
    const window = { time: this.width, batch: 1, inputs: x.subarray(0, half) };
    const { state } = this.network.forward(window, this.network.zeroState(1));
    return this.search(x.subarray(half), state)
      .slice(0, count)
      .map(({ digits, score }) => ({ number: fromDigits(digits), probability: Math.exp(score) }));
  }

  /** Follow the likeliest digits, likeliest first. */
  private search(steps: Float32Array, start: State): Beam[] {
    const wide = features(this.seen);
    let beams: Beam[] = [{ digits: [], score: 0, from: 0 }];
    let state = start;
    for (let column = 0; column < this.width; column++) {
      const step = steps.subarray(column * wide, (column + 1) * wide);
      const x = new Float32Array(beams.length * wide);
      beams.forEach(({ digits }, b) => {
        x.set(step, b * wide);
        if (digits.length) x[b * wide + 10 * this.seen + digits.at(-1)!] = 1;
      });
      const next = this.network.forward({ time: 1, batch: beams.length, inputs: x }, state);
      const grown = beams.flatMap(({ digits, score }, from) => {
        const log_probs = logSoftmax(next.outputs.subarray(10 * from, 10 * from + 10));
        return Array.from(log_probs, (log_prob, digit) => ({
          digits: [...digits, digit],
          score: score + log_prob,
          from,
        }));
      });
      beams = grown.sort((a, b) => b.score - a.score).slice(0, BEAM);
      const rows = beams.map(({ from }) => from);
      state = picked(this.network, next.state, rows);
    }
    return beams;
  }

  /** A window that asks for one answer, whose digits count where they are written. */
  private askedFor(numbers: readonly number[], answer: number): Batch & { inputs: Float32Array } {
    const inputs = encode(numbers, this.seen, this.width, answer);
    const time = 2 * this.width;
    const targets = new Int32Array(time);
    targets.set(toDigits(answer, this.width), this.width);
    return { time, batch: 1, inputs, targets, weights: new Float32Array(time).fill(1, this.width) };
  }

  /** How much each number moved the answer: gradient times input, summed over its digits. */
  private weights(numbers: readonly number[], answer: number): number[] {
    const batch = this.askedFor(numbers, answer);
    const { gradients } = this.network.gradients(batch, this.network.zeroState(1));
    const [wide, sums] = [features(this.seen), numbers.map(() => 0)];
    gradients.inputs.forEach((slope, n) => {
      const back = Math.floor((n % wide) / 10);
      if (back >= this.seen || back >= numbers.length) return;
      sums[numbers.length - 1 - back]! += Math.abs(slope * batch.inputs[n]!);
    });
    const total = sums.reduce((a, b) => a + b);
    return sums.map((sum) => (total ? sum / total : 0));
  }

  /** How likely the model holds one number to come after some. */
  probability(numbers: readonly number[], answer: number): number {
    const batch = this.askedFor(numbers, answer);
    const { log_probs } = this.network.evaluate(batch, this.network.zeroState(1));
    return Math.exp(log_probs.subarray(this.width).reduce((a, b) => a + b));
  }

  private notes(numbers: readonly number[], answer: number): string[] {
    const found = [];
    const largest = Math.max(...numbers.map(Math.abs));
    const range = `outside the range that the model was trained on (below ${said(this.most)})`;
    if (largest >= this.most) {
      found.push(`${said(largest)} is ${range}: the answer is a guess.`);
    } else if (Math.abs(answer) >= this.most) {
      found.push(`the answer lies ${range}: it is a guess.`);
    }
    if (numbers.length > this.seen) {
      found.push(
        `the model looks at the last ${this.seen} numbers, and ${numbers.length} are given.`,
      );
    }
    if (numbers.length > Math.max(...this.families.map((name) => NEEDED[name]!))) {
      const last = numbers.at(-1)!;
      const share = this.probability(numbers.slice(0, -1), last);
      if (share < UNLIKELY) {
        found.push(
          `the last number, ${said(last)}, does not follow from those before it by any rule that ` +
            `the model has learned (${(100 * share).toFixed(1)}%).`,
        );
      }
    }
    return found;
  }
}
