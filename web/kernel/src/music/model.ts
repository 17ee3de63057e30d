/** A trained model of music in the browser: composing as tasks/music/compose.py does it. */

import type { State } from "../contract.ts";
import { configError, formatError } from "../errors.ts";
import { STREAM } from "../initialise.ts";
import type { Kernel } from "../kernel.ts";
import { readModel, type ModelDocument, type ModelFile } from "../model-file.ts";
import { Network } from "../network.ts";
import { sampling, type SamplingOptions } from "../options.ts";
import { picked } from "../picked.ts";
import { parameterCount, type Weights } from "../spec.ts";
import { choose, distribution, logProbs, masked, type Rules } from "./draw.ts";
import { FINAL, Table, TuneRules } from "./grammar.ts";
import { harmonise, StepRules } from "./harmony.ts";
import { keyNamed, parseMetre } from "./keys.ts";
import { barOf, TICKS, type Piece } from "./piece.ts";
import { afterBars } from "./sound.ts";
import {
  AbcVocabulary,
  END,
  musicVocabulary,
  PolyphonyVocabulary,
  type MusicVocabulary,
} from "./vocabulary.ts";

/** Positions of a beginning that are read at once. */
const READ = 256;
/** Tokens drawn at once where there are no rules. */
const CHUNK = 128;

/** What is composed, and within which bounds; names as in the Python library. */
export interface ComposeOptions {
  seed: bigint;
  /** Most tokens of a piece, its beginning left out. */
  length: number;
  key: string | null;
  metre: string | null;
  bars: number | null;
  /**
   * How many pieces are drawn for one: with a number of bars the likeliest ending is taken, of other
   * tunes the first that closes on its tonic.
   */
  endings: number;
  tempo: number | null;
  rules: boolean;
  /** A piece to go on from; with `given` its voices are kept and others written. */
  prime: Piece | null;
  prime_bars: number | null;
  /** Voices of the prime that are kept, counted from 1 at the top. */
  given: number[];
  voices: number;
  particles: number;
  title: string;
}

export const COMPOSE: ComposeOptions = {
  seed: 0n,
  length: 2000,
  key: null,
  metre: null,
  bars: null,
  endings: 8,
  tempo: null,
  rules: true,
  prime: null,
  prime_bars: null,
  given: [],
  voices: 4,
  particles: 32,
  title: "",
};

export interface Composition {
  piece: Piece;
  tokens: number[];
  /** How many tokens were given. */
  begun: number;
}

/** One of the pieces that are drawn side by side. */
interface Take {
  tokens: number[];
  token: number;
  going: boolean;
  /** Log-probability of the last token under the model, where all may come. */
  last: number;
  /** The same of the last two tokens of a piece that ended. */
  ending: number;
}

export class MusicModel {
  readonly network: Network;
  readonly vocabulary: MusicVocabulary;
  readonly document: ModelDocument;

  /** Throws FormatError where the file is not one of a model of music. */
  constructor(kernel: Kernel, file: ModelFile, name = "the file") {
    const { task } = file.document;
    if (task.kind !== "music") {
      throw formatError(`${name}: this is a model of ${String(task.kind)}, not of music.`);
    }
    this.document = file.document;
    this.vocabulary = musicVocabulary(task.vocabulary);
    const outputs = file.spec.head.vocabulary_size;
    if (this.vocabulary.size !== outputs) {
      throw formatError(
        `${name}: the vocabulary has ${this.vocabulary.size} tokens, but the network predicts ${outputs}.`,
      );
    }
    this.network = new Network(kernel, file.spec, file.weights);
  }

  static read(kernel: Kernel, bytes: Uint8Array, name?: string): MusicModel {
    return new MusicModel(kernel, readModel(bytes, name), name);
  }

  get parameters(): number {
    return parameterCount(this.network.spec);
  }

  /** Give the kernel's memory back. */
  dispose(): void {
    this.network.dispose();
  }

  /** Yield the share that is done; return the piece: the same as in Python for the same seed. */
  *compose(
    given: Partial<ComposeOptions>,
    chances: Partial<SamplingOptions>,
  ): Generator<number, Composition> {
    const how = { ...COMPOSE, ...given };
    const options = sampling(chances);
    if (how.given.length) {
      const tokens = yield* this.harmonised(how, options);
      return { piece: this.finished(tokens, how), tokens, begun: 0 };
    }
    const start = how.prime ? this.beginning(how.prime, how.prime_bars) : [];
    const tune = this.vocabulary.kind === "abc" && how.rules;
    const count = how.bars !== null || tune ? how.endings : 1;
    const rules = Array.from({ length: count }, () => this.rules(how, start));
    const known = rules.filter((one) => one !== null);
    const drawn = yield* this.draw([END, ...start], known.length ? known : null, how, options);
    const tokens = [...start, ...drawn];
    return { piece: this.finished(tokens, how), tokens, begun: start.length };
  }

  /** Draw pieces side by side, one for each of the rules, and return the one that is taken. */
  private *draw(
    prime: number[],
    rules: Rules[] | null,
    { length, seed, bars }: ComposeOptions,
    options: SamplingOptions,
  ): Generator<number, number[]> {
    const { network } = this;
    const takes: Take[] = Array.from({ length: rules?.length ?? 1 }, () => ({
      ...{ tokens: [], token: prime.at(-1)!, going: true, last: 0, ending: -Infinity },
    }));
    const lanes = takes.map((_, lane) => lane);
    let state = this.beside(this.read(prime.slice(0, -1)), takes.length);
    for (let done = 0; done < length && takes.some(({ going }) => going);) {
      const inputs = Int32Array.from(takes, ({ token }) => token);
      let rows: ArrayLike<number>;
      let count = 1;
      if (rules) {
        const next = network.forward({ time: 1, batch: takes.length, inputs }, state);
        state = next.state;
        rows = lanes.map((b) => {
          const take = takes[b]!;
          if (!take.going) return END;
          const size = this.vocabulary.size;
          const log_probs = logProbs(next.outputs.subarray(b * size, (b + 1) * size));
          const token = this.drawn(masked(log_probs, rules[b]!.allowed()), options, seed, done, b);
          if (token === END) take.ending = take.last + log_probs[token]!;
          take.last = log_probs[token]!;
          return token;
        });
      } else {
        count = Math.min(CHUNK, length - done);
        const made = network.generate(inputs, state, count, options, { seed, start: done, lanes });
        [rows, state] = [made.tokens, made.state];
      }
      for (let n = 0; n < rows.length; n++) {
        const take = takes[n % takes.length]!;
        take.token = rows[n]!;
        take.going &&= take.token !== END;
        if (!take.going) continue;
        take.tokens.push(take.token);
        rules?.[n % takes.length]!.take(take.token);
      }
      done += count;
      if (done % 16 === 0 || !rules) yield done / length;
    }
    if (bars === null && rules) {
      // The first tune that came to its end and closes on the tonic.
      const closed = takes.find(({ ending }, b) => {
        const rule = rules[b];
        return ending > -Infinity && rule instanceof TuneRules && rule.closes;
      });
      if (closed) return closed.tokens;
    }
    let best = takes[0]!;
    for (const take of takes) if (take.ending > best.ending) best = take;
    return best.tokens;
  }

  private drawn(
    log_probs: Float64Array,
    options: SamplingOptions,
    seed: bigint,
    done: number,
    lane: number,
  ): number {
    const [u = 0, again = 0] = this.network.kernel.uniforms(seed, STREAM.sample, 4, done, lane);
    const probs = distribution(log_probs, options);
    const token = choose(probs, u);
    const likeliest = probs.reduce((a, b) => Math.max(a, b));
    return options.resample && probs[token]! < likeliest ? choose(probs, again) : token;
  }

  /** A state side by side with itself. */
  private beside(state: State, count: number): State {
    const rows = Array.from({ length: count }, () => 0);
    return picked(this.network, state, rows);
  }

  private read(tokens: readonly number[]): State {
    let state = this.network.zeroState(1);
    for (let first = 0; first < tokens.length; first += READ) {
      const inputs = Int32Array.from(tokens.slice(first, first + READ));
      state = this.network.forward({ time: inputs.length, batch: 1, inputs }, state).state;
    }
    return state;
  }

  private finished(tokens: number[], how: ComposeOptions): Piece {
    const piece = this.vocabulary.decode(tokens);
    piece.name = how.title || "Recurra";
    if (how.tempo !== null) piece.tempos = [[0, how.tempo]];
    if (this.vocabulary.kind === "abc") return piece;
    const metre = how.metre === null ? null : parseMetre(how.metre);
    return {
      ...piece,
      metre: metre ?? piece.metre,
      key: how.key === null ? "" : keyNamed(how.key).name,
    };
  }

  /** The tokens of a piece. Throws ConfigError where the model has none for it. */
  encode(piece: Piece): number[] {
    const words = this.vocabulary;
    if (words instanceof AbcVocabulary) {
      const texts = piece.abc ? piece.abc.split(" ") : [];
      if (!texts.length) {
        throw configError("only a tune in ABC can be gone on from in this browser.", "prime");
      }
      return this.numbers(words, texts);
    }
    if (words instanceof PolyphonyVocabulary) {
      const tokens = words.encode(piece);
      if (tokens.some((token) => token >= PolyphonyVocabulary.FIRST)) return tokens;
      throw configError("the piece has no notes that the model knows.", "prime");
    }
    throw configError(
      "a performance cannot be gone on from in this browser; use this computer.",
      "prime",
    );
  }

  private numbers(words: AbcVocabulary, texts: readonly string[]): number[] {
    return texts.map((text) => {
      const token = words.number.get(text);
      if (token !== undefined) return token;
      throw configError(`'${text}' occurs in none of the tunes that the model learned.`);
    });
  }

  /** The tokens that a piece goes on from: without the double bar at a tune's end. */
  private beginning(prime: Piece, bars: number | null): number[] {
    const words = this.vocabulary;
    if (words instanceof AbcVocabulary) {
      const tokens = this.encode(prime);
      const texts = words.texts(tokens);
      if (bars !== null) {
        return tokens.slice(0, afterBars(texts, bars));
      }
      while (FINAL.includes(texts.at(-1) ?? "")) texts.pop();
      // An open bar is finished by a plain line, after which the tune goes on.
      return this.numbers(words, texts.at(-1) === "|" ? texts : [...texts, "|"]);
    }
    if (bars === null) return this.encode(prime);
    const end = bars * barOf(prime);
    const notes = prime.notes
      .filter(({ start }) => start < end)
      .map((one) => ({ ...one, end: Math.min(one.end, end) }));
    return this.encode({ ...prime, notes, length: Math.min(prime.length, end) });
  }

  private rules(how: ComposeOptions, start: readonly number[]): Rules | null {
    const words = this.vocabulary;
    const asked = (["key", "metre", "bars"] as const).find((name) => how[name] !== null);
    let rules: TuneRules | StepRules;
    /** How many bars a beginning has, and whether that is all that were asked for. */
    let begun = (): [bars: number, all: boolean] => [0, false];
    if (words instanceof AbcVocabulary) {
      if (!how.rules && asked) {
        throw configError(`${asked} is kept by the rules, which are off; drop one.`, asked);
      }
      if (!how.rules) return null;
      const tune = tuneRules(words, how);
      rules = tune;
      begun = () => [tune.count, how.bars !== null && tune.count >= how.bars];
    } else if (words instanceof PolyphonyVocabulary) {
      if (!how.rules && !asked) return null;
      const metre = how.metre === null ? [4, 4] : parseMetre(how.metre);
      if (!metre) {
        throw configError(`metre is '${how.metre}', but has to be like 3/4.`, "metre");
      }
      const bar = Math.floor((TICKS * 4 * metre[0]!) / metre[1]!);
      const length =
        how.bars === null
          ? null
          : Math.max(1, Math.floor((how.bars * bar * words.resolution) / TICKS));
      const steps = new StepRules(words, { length, given: [], voices: 4, scale: scaleOf(how) });
      rules = steps;
      begun = () => [
        Math.floor((steps.step * TICKS) / (bar * words.resolution)),
        length !== null && steps.step >= length,
      ];
    } else {
      if (asked === "key" || asked === "bars") {
        throw configError(
          `${asked} cannot be asked of a model of performances, which has no bars.`,
          asked,
        );
      }
      return null;
    }
    for (const token of start) rules.take(token);
    const [bars, all] = begun();
    if (!all) return rules;
    throw configError(
      `bars is ${how.bars}, but the beginning that is given has ${bars} bars already; ask for more, ` +
        "or take fewer of them with prime_bars.",
      "bars",
    );
  }

  private *harmonised(how: ComposeOptions, options: SamplingOptions): Generator<number, number[]> {
    const words = this.vocabulary;
    if (!how.prime || !(words instanceof PolyphonyVocabulary)) {
      throw configError(
        "given voices need a piece to keep them from and a model of polyphony.",
        "given",
      );
    }
    const frames = words.framesOf(how.prime);
    const most = Math.max(0, ...frames.map((step) => step.length));
    if (!most) throw configError("the given piece has no notes that the model knows.");
    const wanted = Math.max(...how.given);
    if (Math.min(...how.given) < 1 || wanted > most) {
      throw configError(
        `given is ${how.given.join(", ")}, but the piece has ${most} voices, counted from 1 at the top.`,
        "given",
      );
    }
    if (wanted > how.voices || how.given.length >= how.voices) {
      throw configError(
        `${how.voices} voices leave nothing to write beside the given ones.`,
        "voices",
      );
    }
    const given = frames.map((step) => byVoice(step, how));
    const { voices, particles, seed } = how;
    const rules = new StepRules(words, {
      ...{ length: given.length, given, voices },
      scale: scaleOf(how),
    });
    const steps = harmonise(this.network, rules, options, particles, seed);
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value;
      yield value / given.length;
    }
  }

  /** Every gate and state over a piece, each [tokens + 1, units]; the first row is the opening. */
  trace(tokens: readonly number[]): { arrays: Weights; read: number[] } {
    const read = [END, ...tokens];
    const window = { time: read.length, batch: 1, inputs: Int32Array.from(read) };
    return { arrays: this.network.trace(window, this.network.zeroState(1)), read };
  }
}

const scaleOf = ({ key }: ComposeOptions): Set<number> | null =>
  key === null ? null : keyNamed(key).scale();

function tuneRules(words: AbcVocabulary, { key, metre, bars }: ComposeOptions): TuneRules {
  const known = (token: string, name: string): string => {
    if (words.number.has(token)) return token;
    const mark = token.slice(0, 2);
    const there = words.tokens.filter((one) => one.startsWith(mark)).map((one) => one.slice(2));
    const list = there.sort().join(", ");
    throw configError(`${name} is '${token.slice(2)}', but the model knows ${list}.`, name);
  };
  const parsed = metre === null ? null : parseMetre(metre);
  const metreText = parsed ? parsed.join("/") : metre;
  return new TuneRules(
    new Table(words),
    metreText === null ? "" : known(`M:${metreText}`, "metre"),
    key === null ? "" : known(`K:${keyNamed(key).name}`, "key"),
    bars,
  );
}

/**
 * The given pitches of a step by the voice that they have in the new piece. Of a piece with fewer
 * voices than are to be written, the lowest given one becomes the bass, if it is not the melody.
 */
function byVoice(step: readonly number[], how: ComposeOptions): Map<number, number> {
  const kept = [...how.given].sort((a, b) => a - b).filter((voice) => voice <= step.length);
  const found = new Map(kept.map((voice) => [voice - 1, step[voice - 1]!]));
  const last = (kept.at(-1) ?? 0) - 1;
  if (step.length < how.voices && last === step.length - 1 && last > 0) {
    found.delete(last);
    found.set(how.voices - 1, step[last]!);
  }
  return found;
}
