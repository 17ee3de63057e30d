/** From notes to what a score can write: formats/notation.py and abc_score.py in TypeScript. */

import { Fraction, roundHalfEven } from "./fraction.ts";
import { Key, lengthText, SEMITONES } from "./keys.ts";
import { barOf, TICKS, type Note, type Piece } from "./piece.ts";
import { noteName, writeTune } from "./sound.ts";

/** Ticks that a score counts by. */
const GRID = TICKS / 12;
const MOST_LINES = 8;
const VALUES = [1920, 1440, 960, 720, 480, 360, 240, 180, 120, 60];
const TRIPLETS = [640, 320, 160, 80, 40];

/** One written note, chord or rest within one bar; `tied` where it goes on in the next item. */
export interface Item {
  pitches: number[];
  ticks: number;
  tied: boolean;
}

/** The piece as lines in which nothing overlaps but what begins and ends together. */
export function linesOf(piece: Piece): Note[][] {
  const found: { voice: number; line: Note[] }[] = [];
  const snapped = piece.notes
    .map(snap)
    .sort((a, b) => a.start - b.start || a.voice - b.voice || b.pitch - a.pitch || a.end - b.end);
  for (const one of snapped) {
    const fits = found.find(({ voice, line }) => {
      const last = line.at(-1)!;
      if (voice !== one.voice) return false;
      return last.end <= one.start || (last.start === one.start && last.end === one.end);
    });
    const same = found.find(({ voice }) => voice === one.voice);
    if (fits) fits.line.push(one);
    else if (found.length < MOST_LINES || !same) found.push({ voice: one.voice, line: [one] });
    else squeeze(same.line, one);
  }
  return found.sort((a, b) => a.voice - b.voice).map(({ line }) => line);
}

/** End what sounds in a line where a further note begins. */
function squeeze(line: Note[], one: Note): void {
  const last = line.at(-1)!;
  if (last.start >= one.start) {
    line.push({ ...one, start: last.start, end: last.end });
    return;
  }
  for (let n = line.length - 1; n >= 0 && line[n]!.end > one.start; n--) {
    line[n] = { ...line[n]!, end: one.start };
  }
  line.push(one);
}

function snap(one: Note): Note {
  const start = roundHalfEven(one.start / GRID) * GRID;
  const end = Math.max(start + GRID, roundHalfEven(one.end / GRID) * GRID);
  return { ...one, start, end };
}

/** A line as bars of items, filled up with rests. */
export function written(line: readonly Note[], bar: number, length: number): Item[][] {
  const groups: { start: number; end: number; pitches: number[] }[] = [];
  for (const { start, end, pitch } of line) {
    const last = groups.at(-1);
    if (last?.start === start) last.pitches.push(pitch);
    else groups.push({ start, end, pitches: [pitch] });
  }
  const whole = Math.ceil(Math.max(length, groups.at(-1)?.end ?? 0, 1) / bar) * bar;
  const bars: Item[][] = Array.from({ length: whole / bar }, () => []);
  let now = 0;
  for (const { start, end, pitches } of [...groups, { start: whole, end: whole, pitches: [] }]) {
    fill(bars, bar, now, start, []);
    fill(
      bars,
      bar,
      start,
      end,
      [...new Set(pitches)].sort((a, b) => b - a),
    );
    now = end;
  }
  return bars;
}

function fill(bars: Item[][], bar: number, from: number, stop: number, pitches: number[]): void {
  for (let start = from; start < stop;) {
    const part = Math.min(stop, (Math.floor(start / bar) + 1) * bar);
    const values = valuesOf(part - start);
    values.forEach((ticks, n) => {
      const more = n < values.length - 1 || part < stop;
      bars[Math.floor(start / bar)]!.push({ pitches, ticks, tied: pitches.length > 0 && more });
      start += ticks;
    });
  }
}

/** Note values that add up to a length, the longest first. */
function valuesOf(length: number): number[] {
  const found: number[] = [];
  for (let ticks = length; ticks > 0;) {
    const choices = ticks % 60 === 0 ? VALUES : TRIPLETS;
    const value = choices.find((one) => one <= ticks) ?? ticks;
    found.push(value);
    ticks -= value;
  }
  return found;
}

/** The white key counted from middle C, and the accidental from -1 to 1, that a pitch is spelt by. */
export function spell(pitch: number, key: Key): [step: number, sign: number] {
  const signature = key.signature();
  for (let letter = 0; letter < 7; letter++) {
    const sign = signature[letter]!;
    if ((SEMITONES[letter]! + sign - pitch) % 12 === 0) return [stepOf(pitch - sign, letter), sign];
  }
  for (const sign of key.fifths >= 0 ? [0, 1, -1] : [0, -1, 1]) {
    for (let letter = 0; letter < 7; letter++) {
      if ((SEMITONES[letter]! + sign - pitch) % 12 === 0) {
        return [stepOf(pitch - sign, letter), sign];
      }
    }
  }
  throw new RangeError(String(pitch));
}

const stepOf = (white: number, letter: number): number =>
  7 * (Math.floor((white - SEMITONES[letter]!) / 12) - 5) + letter;

/** The piece's own key, or the major key whose scale holds most of the sounding time. */
export function keyOfPiece({ key, notes }: Piece): Key {
  if (key) return Key.parse(key);
  const weight = new Array<number>(12).fill(0);
  for (const { start, end, pitch } of notes) weight[pitch % 12]! += end - start;
  let [best, found] = [-1, new Key(0, 0, "")];
  for (const fifths of [0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6]) {
    const one = new Key(0, 0, "").moved(7 * fifths);
    const inside = [...one.scale()].reduce((sum, pitch) => sum + weight[pitch]!, 0);
    if (inside > best) [best, found] = [inside, one];
  }
  return found;
}

/** The piece as ABC, with a voice for each line of notes; a tune from its own tokens. */
export function writeAbc(piece: Piece): string {
  const tempo = piece.tempos[0]![1];
  if (piece.abc) return writeTune(piece.abc.split(" "), piece.name, tempo);
  const key = keyOfPiece(piece);
  const [beats, unit] = piece.metre;
  const parts = [writeTune([`M:${beats}/${unit}`, `K:${key.name}`], piece.name, tempo)];
  const lines = linesOf(piece);
  lines.forEach((line, n) => {
    const height = line.reduce((sum, { pitch }) => sum + pitch, 0) / line.length;
    if (lines.length > 1) parts.push(`V:${n + 1}${height < 57 ? " clef=bass" : ""}\n`);
    const bars = written(line, barOf(piece), piece.length);
    for (let first = 0; first < bars.length; first += 4) {
      const row = bars.slice(first, first + 4).map((bar) => barTokens(bar, key).join(""));
      parts.push(row.join(" | ") + (first + 4 >= bars.length ? " |]\n" : " |\n"));
    }
  });
  return parts.join("");
}

/** The tokens of one bar; accidentals are written where they differ from what holds. */
function barTokens(bar: readonly Item[], key: Key): string[] {
  const holds = key.signature();
  const found: string[] = [];
  for (const { pitches, ticks, tied } of bar) {
    const length = lengthText(new Fraction(ticks, TICKS / 2));
    const names = pitches.map((pitch) => {
      const [step, sign] = spell(pitch, key);
      const letter = ((step % 7) + 7) % 7;
      const accidental = holds[letter] === sign ? "" : ["_", "=", "^"][sign + 1]!;
      holds[letter] = sign;
      return accidental + noteName(step);
    });
    if (!names.length) found.push(`z${length}`);
    else if (names.length === 1) found.push(names[0]! + length);
    else found.push(`[${names.join("")}]${length}`);
    if (tied) found.push("-");
  }
  return found;
}
