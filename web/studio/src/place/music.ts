/**
 * Music: what is composed, read, written as a file, and looked into. Times are seconds. Only the
 * screen of music imports this, so that the others stay small.
 */

import type { PieceDocument } from "../../../kernel/src/music/piece.ts";
import type { Place, Progress, Running } from "./place.ts";
import type { TraceAnswer } from "./types.ts";

export type { PieceDocument };

/** Settings of a composition; names as in the Python library. Null where nothing is asked. */
export interface ComposeRequest {
  /** A whole number of up to 64 bits, in digits. */
  seed: string;
  length: number;
  temperature: number;
  top_k: number;
  top_p: number;
  min_p: number;
  key: string | null;
  metre: string | null;
  bars: number | null;
  /** With a number of bars: how many pieces are drawn; the likeliest ending is taken. */
  endings: number;
  tempo: number | null;
  rules: boolean;
  /** A piece to go on from; with `given` its voices are kept and others written around them. */
  prime: PieceDocument | null;
  prime_bars: number | null;
  given: number[];
  voices: number;
  particles: number;
  title: string;
}

export interface HeardNote {
  start: number;
  end: number;
  pitch: number;
  velocity: number;
  voice: number;
}

/** A piece as a page shows and plays it. */
export interface TuneFacts {
  abc: string;
  notes: HeardNote[];
  duration: number;
  metre: [number, number];
  key: string;
  tempo: number;
  /** When each bar begins. */
  bars: number[];
  /** Numbers in the model's vocabulary; none of a piece that was only read. */
  tokens: number[];
  names: string[];
  /** When each token is first reached. */
  times: number[];
  /** How many tokens were given. */
  begun: number;
  piece: PieceDocument;
}

export interface Composed {
  seed: string;
  tune: TuneFacts;
}

export interface MusicRead {
  pieces: TuneFacts[];
  count: number;
  notes: string[];
}

export const FORMATS = ["mid", "abc", "musicxml", "wav"] as const;
export type MusicFormat = (typeof FORMATS)[number];

export interface Music {
  /** Formats that this place writes; sound that it does not write, the page makes. */
  readonly formats: readonly MusicFormat[];
  /** Why files of music cannot be read here, where they cannot. */
  readonly unread: string | null;
  compose(model: string, request: ComposeRequest, progress?: Progress): Running<Composed | null>;
  /** What a file of music holds. */
  read(name: string, data: Blob): Promise<MusicRead>;
  render(piece: PieceDocument, format: MusicFormat): Promise<Blob>;
  trace(model: string, tokens: number[]): Promise<TraceAnswer>;
}

/** What a place does with music. */
export async function musicOf(place: Place): Promise<Music> {
  if (place.kind === "computer") return (await import("./computer/music.ts")).music;
  return (await import("./browser/music.ts")).music;
}
