/** Music as data: notes on a grid of ticks, as core/notes.py has it. */

import type { Metre } from "./keys.ts";
import { configError } from "../errors.ts";

/** Ticks in a quarter note. */
export const TICKS = 480;

/** Start and end in ticks, MIDI pitch and velocity, voice. */
export interface Note {
  start: number;
  end: number;
  pitch: number;
  velocity: number;
  voice: number;
}

export interface Piece {
  /** By start, within a start from the highest pitch down. */
  notes: Note[];
  name: string;
  /** Ticks, rests at the end included. */
  length: number;
  /** Tick and quarter notes a minute, from the beginning on. */
  tempos: [tick: number, bpm: number][];
  metre: Metre;
  /** As ABC writes it; empty where it is not known. */
  key: string;
  /** The tune's own tokens between spaces, where it is a tune. */
  abc: string;
}

/** The same as JSON, as the HTTP API has it: each note a row. */
export type PieceDocument = Omit<Piece, "notes" | "metre"> & {
  notes: [start: number, end: number, pitch: number, velocity: number, voice: number][];
  metre: [number, number];
};

const inOrder = (a: Note, b: Note): number =>
  a.start - b.start || b.pitch - a.pitch || a.end - b.end || a.voice - b.voice;

/** Put notes in order, and end the piece with the last of them unless `length` is later. */
export function pieceOf(notes: Note[], facts: Partial<Piece> = {}): Piece {
  const ordered = [...notes].sort(inOrder);
  const end = ordered.reduce((latest, note) => Math.max(latest, note.end), 0);
  return {
    ...{ name: "", tempos: [[0, 120]], metre: [4, 4], key: "", abc: "" },
    ...facts,
    notes: ordered,
    length: Math.max(end, facts.length ?? 0),
  };
}

export const note = (
  start: number,
  end: number,
  pitch: number,
  velocity = 80,
  voice = 0,
): Note => ({ start, end, pitch, velocity, voice });

/** Ticks in a bar. */
export const barOf = ({ metre }: Piece): number =>
  Math.max(1, Math.floor((TICKS * 4 * metre[0]) / metre[1]));

/** When a tick comes, in seconds. */
export function secondsAt({ tempos }: Piece, tick: number): number {
  let passed = 0;
  let [at, bpm] = tempos[0]!;
  for (const [next, tempo] of tempos.slice(1)) {
    if (next >= tick) break;
    passed += ((next - at) * 60) / (bpm * TICKS);
    [at, bpm] = [next, tempo];
  }
  return passed + ((tick - at) * 60) / (bpm * TICKS);
}

/** As a keyboard can play it: no pitch of a voice sounds twice at once. */
export function cleaned(piece: Piece): Piece {
  const kept = new Map<string, Note[]>();
  for (const one of [...piece.notes].sort((a, b) => a.start - b.start || a.end - b.end)) {
    const key = `${one.voice} ${one.pitch}`;
    const line = kept.get(key) ?? [];
    kept.set(key, line);
    const last = line.at(-1);
    if (last?.start === one.start) {
      line[line.length - 1] = one;
      continue;
    }
    if (last && last.end > one.start) line[line.length - 1] = { ...last, end: one.start };
    line.push(one);
  }
  return { ...piece, notes: [...kept.values()].flat().sort(inOrder) };
}

export const toDocument = (piece: Piece): PieceDocument => ({
  ...piece,
  metre: [...piece.metre],
  notes: piece.notes.map(({ start, end, pitch, velocity, voice }) => [
    ...([start, end, pitch, velocity, voice] as const),
  ]),
});

/** Throws ConfigError where a note ends before it begins. */
export function fromDocument(document: PieceDocument): Piece {
  const notes = document.notes.map(([start, end, pitch, velocity, voice]) =>
    note(start, end, pitch, velocity, voice),
  );
  if (notes.some(({ start, end }) => end <= start)) {
    throw configError("a note ends before it begins.");
  }
  return pieceOf(notes, { ...document, notes });
}

const NAMES = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"];

/** "C4" for 60. */
export const pitchName = (pitch: number): string =>
  `${NAMES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;
