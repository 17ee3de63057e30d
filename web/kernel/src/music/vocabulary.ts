/** The three vocabularies of music, from tokens to notes: tasks/music/vocabulary.py. */

import { formatError } from "../errors.ts";
import { note, pieceOf, pitchName, TICKS, type Note, type Piece } from "./piece.ts";
import { roundHalfEven } from "./fraction.ts";
import { onsets, sound } from "./sound.ts";

/** Ends a piece in each of them, and opens it. */
export const END = 0;

export interface MusicVocabulary {
  readonly kind: "abc" | "polyphony" | "performance";
  readonly size: number;
  /** The piece that tokens stand for; what makes no sense is passed over. */
  decode(tokens: readonly number[]): Piece;
  tokenText(token: number): string;
  /** When each token is first reached, in ticks. */
  ticks(tokens: readonly number[]): number[];
}

/** Tokens of ABC tunes; the first is the end of a tune. */
export class AbcVocabulary implements MusicVocabulary {
  readonly kind = "abc";
  readonly size: number;
  readonly number: Map<string, number>;

  constructor(readonly tokens: readonly string[]) {
    this.size = tokens.length;
    this.number = new Map(tokens.map((token, n) => [token, n]));
  }

  /** The ABC tokens that numbers stand for, up to the end. */
  texts(tokens: readonly number[]): string[] {
    const end = tokens.indexOf(END);
    return tokens.slice(0, end < 0 ? tokens.length : end).map((token) => this.tokens[token]!);
  }

  decode(tokens: readonly number[]): Piece {
    const texts = this.texts(tokens);
    return { ...sound(texts), abc: texts.join(" ") };
  }

  tokenText(token: number): string {
    return this.tokens[token] ?? "";
  }

  ticks(tokens: readonly number[]): number[] {
    return onsets(this.texts(tokens));
  }
}

/** Time steps of a fixed length: 0 ends the piece, 1 ends a step, 2 + n is pitch `low` + n. */
export class PolyphonyVocabulary implements MusicVocabulary {
  static readonly STEP = 1;
  static readonly FIRST = 2;
  readonly kind = "polyphony";
  readonly size: number;

  constructor(
    readonly low: number,
    readonly high: number,
    readonly resolution: number,
  ) {
    this.size = PolyphonyVocabulary.FIRST + high - low + 1;
  }

  /** The pitches of each step that tokens stand for, from the highest down. */
  frames(tokens: readonly number[]): number[][] {
    const { STEP, FIRST } = PolyphonyVocabulary;
    const found: number[][] = [];
    let step = new Set<number>();
    const close = (): number => found.push([...step].sort((a, b) => b - a));
    for (const token of tokens) {
      if (token === END) break;
      if (token === STEP) {
        close();
        step = new Set();
      } else step.add(token - FIRST + this.low);
    }
    if (step.size) close();
    return found;
  }

  decode(tokens: readonly number[]): Piece {
    const frames = this.frames(tokens);
    const ticks = Math.floor(TICKS / this.resolution);
    const notes: Note[] = [];
    const begun = new Map<number, number>();
    [...frames, []].forEach((step, t) => {
      for (const [pitch, start] of [...begun]) {
        if (step.includes(pitch) && this.resolution !== 1) continue;
        notes.push(note(start * ticks, t * ticks, pitch));
        begun.delete(pitch);
      }
      for (const pitch of step) if (!begun.has(pitch)) begun.set(pitch, t);
    });
    return pieceOf(notes, { length: frames.length * ticks, tempos: [[0, 100]] });
  }

  /** The tokens of a piece whose notes lie on the grid: what `decode` is undone by. */
  encode(piece: Piece): number[] {
    const { STEP, FIRST } = PolyphonyVocabulary;
    return this.framesOf(piece).flatMap((step) => [
      ...step.map((pitch) => FIRST + pitch - this.low),
      STEP,
    ]);
  }

  /** The pitches that sound in each step, from the highest down. */
  framesOf(piece: Piece): number[][] {
    const ticks = TICKS / this.resolution;
    const count = Math.max(0, roundHalfEven(piece.length / ticks));
    const sounding = Array.from({ length: count }, () => new Set<number>());
    for (const { start, end, pitch } of piece.notes) {
      if (pitch < this.low || pitch > this.high) continue;
      const first = roundHalfEven(start / ticks);
      const last = Math.min(count, Math.max(first + 1, roundHalfEven(end / ticks)));
      for (let step = first; step < last; step++) sounding[step]!.add(pitch);
    }
    return sounding.map((step) => [...step].sort((a, b) => b - a));
  }

  tokenText(token: number): string {
    const { FIRST } = PolyphonyVocabulary;
    if (token < FIRST) return token === END ? "<end>" : "step";
    return pitchName(token - FIRST + this.low);
  }

  ticks(tokens: readonly number[]): number[] {
    let step = 0;
    return tokens.map((token) => {
      const at = (step * TICKS) / this.resolution;
      if (token === PolyphonyVocabulary.STEP) step += 1;
      return at;
    });
  }
}

const [ON, OFF, SHIFT, VELOCITY, VELOCITIES] = [1, 129, 257, 357, 32];

/** Note on, note off, time shift in hundredths of a second, velocity (Oore et al. 2018). */
export class PerformanceVocabulary implements MusicVocabulary {
  readonly kind = "performance";
  readonly size = VELOCITY + VELOCITIES;

  decode(tokens: readonly number[]): Piece {
    const notes: Note[] = [];
    const begun = new Map<number, [start: number, strength: number]>();
    let [now, velocity] = [0, 64];
    // 120 quarter notes a minute: two a second.
    const tick = (hundredths: number): number => roundHalfEven((hundredths * 2 * TICKS) / 100);
    const end = (pitch: number): void => {
      const known = begun.get(pitch);
      if (!known) return;
      begun.delete(pitch);
      const [start, strength] = known;
      notes.push(note(tick(start), tick(Math.max(now, start + 1)), pitch, strength));
    };
    for (const token of tokens) {
      if (token === END) break;
      if (token >= VELOCITY) velocity = 4 * (token - VELOCITY) + 2;
      else if (token >= SHIFT) now += token - SHIFT + 1;
      else if (token >= OFF) end(token - OFF);
      else {
        end(token - ON);
        begun.set(token - ON, [now, velocity]);
      }
    }
    for (const pitch of [...begun.keys()]) end(pitch);
    return pieceOf(notes);
  }

  tokenText(token: number): string {
    if (token === END) return "<end>";
    if (token < OFF) return `on ${pitchName(token - ON)}`;
    if (token < SHIFT) return `off ${pitchName(token - OFF)}`;
    if (token < VELOCITY) return `${10 * (token - SHIFT + 1)} ms`;
    return `velocity ${token - VELOCITY}`;
  }

  ticks(tokens: readonly number[]): number[] {
    let now = 0;
    return tokens.map((token) => {
      const at = roundHalfEven((now * 2 * TICKS) / 100);
      if (token >= SHIFT && token < VELOCITY) now += token - SHIFT + 1;
      return at;
    });
  }
}

/** Build the vocabulary that a model file describes. Throws FormatError where it cannot be. */
export function musicVocabulary(json: unknown): MusicVocabulary {
  const document = (json ?? {}) as Record<string, unknown>;
  if (document.kind === "performance") return new PerformanceVocabulary();
  if (document.kind === "abc") {
    const { tokens } = document;
    const texts = Array.isArray(tokens) ? (tokens as unknown[]) : [];
    const sound_ = texts.every((one) => typeof one === "string" && one);
    if (!texts.length || !sound_ || new Set(texts).size < texts.length) {
      throw formatError("the vocabulary's tokens have to be a list of different texts.");
    }
    return new AbcVocabulary(texts as string[]);
  }
  if (document.kind === "polyphony") {
    const [low, high, resolution] = [document.low, document.high, document.resolution].map((n) =>
      Number.isInteger(n) ? (n as number) : NaN,
    ) as [number, number, number];
    if (!(low >= 0 && low < high && high <= 127 && resolution >= 1 && resolution <= TICKS)) {
      throw formatError("the vocabulary's pitches or resolution cannot be.");
    }
    return new PolyphonyVocabulary(low, high, resolution);
  }
  throw formatError(
    `the vocabulary is ${JSON.stringify(document.kind)}, but has to be abc, polyphony or performance.`,
  );
}
