/** A trained text model: a network and what its tokens mean, ready to write and to judge. */

import { formatError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { readModel, writeModel, type ModelDocument } from "./model-file.ts";
import type { State } from "./contract.ts";
import { Network } from "./network.ts";
import type { OptimiserOptions, SamplingOptions } from "./options.ts";
import { parameterCount, type Weights } from "./spec.ts";
import {
  vocabularyFromDocument,
  type Decoder,
  type Policy,
  type Vocabulary,
} from "./vocabulary.ts";

/** Positions of a prime or a text that are read at once. */
const READ = 256;
/** Most tokens drawn in one call. */
const CHUNK = 256;

export interface GenerateOptions extends Partial<SamplingOptions> {
  prime?: string;
  /** Tokens; 0 goes on without end. */
  length?: number;
  seed?: number | bigint;
  /** Sample k of a seed has draws of its own. */
  sample?: number;
  /** Texts that end a sample; they are left out of it. */
  stop?: string[];
  unknown?: Policy;
}

export interface Piece {
  /** Text that is certain by now. */
  text: string;
  tokens: number[];
  /** Of each token under the model, before any sampling rule, in nats. */
  log_probs: number[];
  ended: boolean;
}

export interface TextTrace {
  /** Each token as it is shown; the first is the start token, which is not part of the text. */
  tokens: string[];
  /** Gates and states by name, each [tokens, units]. */
  arrays: Weights;
  /** Log-probability of token n + 1 after token n was read, [tokens - 1]. */
  log_probs: Float64Array;
  /** The likeliest tokens after each token, where they were asked for. */
  likeliest?: { token: string; probability: number }[][];
}

export class TextModel {
  readonly vocabulary: Vocabulary;
  readonly start: number;
  readonly network: Network;

  /** Throws FormatError where the document is not one of a text model. */
  constructor(
    kernel: Kernel,
    file: { spec: Network["spec"]; document: ModelDocument; weights: Weights },
    rule: Partial<OptimiserOptions> = {},
    name = "the file",
  ) {
    const { task } = file.document;
    if (task.kind !== "text") {
      throw formatError(`${name}: this is a model of ${String(task.kind)}, not of text.`);
    }
    this.document = file.document;
    this.vocabulary = vocabularyFromDocument(task.vocabulary);
    this.start = typeof task.start === "number" ? task.start : -1;
    const { size } = this.vocabulary;
    if (size !== file.spec.head.vocabulary_size || this.start < 0 || this.start >= size) {
      throw formatError(
        `${name}: the vocabulary has ${size} tokens and the start token is ${String(task.start)}, but ` +
          `the network predicts ${file.spec.head.vocabulary_size} tokens.`,
      );
    }
    this.network = new Network(kernel, file.spec, file.weights, rule);
  }

  document: ModelDocument;

  /** Open a model file. */
  static read(kernel: Kernel, bytes: Uint8Array, name?: string): TextModel {
    return new TextModel(kernel, readModel(bytes, name), {}, name);
  }

  get parameters(): number {
    return parameterCount(this.network.spec);
  }

  save(): Uint8Array<ArrayBuffer> {
    return writeModel(this.network.weights(), this.document);
  }

  /** Give the kernel's memory back. */
  dispose(): void {
    this.network.dispose();
  }

  /** Return the tokens that a text starts from: those of `prime`, or the start token. */
  primeTokens(prime: string, unknown?: Policy): Int32Array {
    const tokens = Int32Array.from(this.vocabulary.encode(prime, unknown));
    return tokens.length ? tokens : Int32Array.of(this.start);
  }

  /**
   * Yield text that goes on from a prime, piece by piece as it is drawn: the same as in Python for
   * the same options and seed. The pieces grow, so that text shows early.
   */
  *generate(options: GenerateOptions = {}): Generator<Piece> {
    const {
      prime = "",
      length = 500,
      seed = 0,
      sample = 0,
      stop = [],
      unknown,
      ...rules
    } = options;
    const tokens = this.primeTokens(prime, unknown);
    let { token, state } = this.readPrime(tokens);
    const writer = new Writer(this.vocabulary.decoder(), stop);
    for (const known of tokens.slice(-8)) writer.decoder.feed(known);
    for (let done = 0, size = 1; ; size = Math.min(2 * size, CHUNK)) {
      const count = length ? Math.min(size, length - done) : size;
      const drawn = this.network.generate([token], state, count, rules, {
        seed,
        start: done,
        lanes: [sample],
      });
      done += count;
      const piece: Piece = { text: "", tokens: [], log_probs: [], ended: false };
      for (let n = 0; n < count && !writer.ended; n++) {
        piece.tokens.push(drawn.tokens[n]!);
        piece.log_probs.push(drawn.log_probs[n]!);
        piece.text += writer.feed(drawn.tokens[n]!);
      }
      if (length && done >= length) piece.text += writer.finish();
      piece.ended = writer.ended;
      yield piece;
      if (writer.ended) return;
      token = drawn.tokens.at(-1)!;
      state = drawn.state;
    }
  }

  private readPrime(tokens: Int32Array): { token: number; state: State } {
    let state = this.network.zeroState(1);
    for (let first = 0; first < tokens.length - 1; first += READ) {
      const inputs = tokens.subarray(first, Math.min(first + READ, tokens.length - 1));
      state = this.network.forward({ time: inputs.length, batch: 1, inputs }, state).state;
    }
    return { token: tokens.at(-1)!, state };
  }

  /** Return the start token and the tokens of a text. */
  read(text: string, unknown?: Policy): Int32Array {
    const tokens = this.vocabulary.encode(text, unknown);
    const found = new Int32Array(tokens.length + 1);
    found[0] = this.start;
    found.set(tokens, 1);
    return found;
  }

  /** Return the likeliest tokens after a text, as the model itself has them. */
  next(text: string, count: number, unknown?: Policy): { token: number; probability: number }[] {
    const { token, state } = this.readPrime(this.primeTokens(text, unknown));
    const window = { time: 1, batch: 1, inputs: Int32Array.of(token) };
    const log_probs = logSoftmax(this.network.forward(window, state).outputs);
    return largest(log_probs, count).map((one) => ({
      token: one,
      probability: Math.exp(log_probs[one]!),
    }));
  }

  /** Return every gate, state and surprise over a text, read from the state zero. */
  trace(text: string, unknown?: Policy, likeliest = 0): TextTrace {
    const tokens = this.read(text, unknown);
    const window = { time: tokens.length, batch: 1, inputs: tokens };
    const arrays = this.network.trace(window, this.network.zeroState(1));
    const logits = arrays.get("logits")!;
    arrays.delete("logits");
    const { size } = this.vocabulary;
    const log_probs = Float64Array.from({ length: tokens.length - 1 }, (_, n) =>
      logProb(logits.subarray(n * size, (n + 1) * size), tokens[n + 1]!),
    );
    const found: TextTrace = {
      tokens: Array.from(tokens, (token) => this.vocabulary.tokenText(token)),
      arrays,
      log_probs,
    };
    if (!likeliest) return found;
    found.likeliest = Array.from(tokens, (_, n) => {
      const row = logSoftmax(logits.subarray(n * size, (n + 1) * size));
      return largest(row, likeliest).map((token) => ({
        token: this.vocabulary.tokenText(token),
        probability: Math.exp(row[token]!),
      }));
    });
    return found;
  }
}

/** Return the log-probabilities of one row of logits, in float64. */
export function logSoftmax(logits: Float32Array): Float64Array {
  const top = logits.reduce((a, b) => Math.max(a, b));
  const sum = logits.reduce((total, x) => total + Math.exp(x - top), 0);
  return Float64Array.from(logits, (logit) => logit - top - Math.log(sum));
}

/** Return the places of the largest values, largest first; of equals the first. */
export function largest(values: ArrayLike<number>, count: number): number[] {
  const found: number[] = [];
  for (let n = 0; n < values.length; n++) {
    if (found.length === count && !(values[n]! > values[found.at(-1)!]!)) continue;
    let place = found.length;
    while (place > 0 && values[n]! > values[found[place - 1]!]!) place -= 1;
    found.splice(place, 0, n);
    if (found.length > count) found.pop();
  }
  return found;
}

function logProb(logits: Float32Array, token: number): number {
  const top = logits.reduce((a, b) => Math.max(a, b));
  const sum = logits.reduce((total, x) => total + Math.exp(x - top), 0);
  return logits[token]! - top - Math.log(sum);
}

/** A text as it grows, with an eye on the texts that end it. */
class Writer {
  ended = false;
  private held = "";

  constructor(
    readonly decoder: Decoder,
    stops: string[],
  ) {
    this.stops = stops.filter((stop) => stop);
  }

  private readonly stops: string[];

  /** Take one token and return the text that is certain now. */
  feed(token: number): string {
    return this.add(this.decoder.feed(token));
  }

  /** Return what was held back; nothing more comes. */
  finish(): string {
    let text = this.add(this.decoder.flush());
    if (!this.ended) text += this.held;
    this.ended = true;
    return text;
  }

  private add(text: string): string {
    if (!this.stops.length) return text;
    this.held += text;
    const places = this.stops.map((stop) => this.held.indexOf(stop)).filter((place) => place >= 0);
    if (places.length) {
      const certain = this.held.slice(0, Math.min(...places));
      this.held = "";
      this.ended = true;
      return certain;
    }
    const keep = this.begun();
    const certain = this.held.slice(0, this.held.length - keep);
    this.held = this.held.slice(this.held.length - keep);
    return certain;
  }

  /** Return the length of the longest end of what is held with which a stop text begins. */
  private begun(): number {
    const longest = Math.max(...this.stops.map((stop) => stop.length)) - 1;
    for (let size = Math.min(this.held.length, longest); size > 0; size--) {
      const end = this.held.slice(-size);
      if (this.stops.some((stop) => stop.startsWith(end))) return size;
    }
    return 0;
  }
}
