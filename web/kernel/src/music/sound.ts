/** What ABC tokens sound like, and a tune's text: formats/abc_notes.py and abc.py in TypeScript. */

import { formatError } from "../errors.ts";
import { Fraction } from "./fraction.ts";
import { Key, LETTERS, parseLength, parseMetre, SEMITONES } from "./keys.ts";
import { note, pieceOf, TICKS, type Note, type Piece } from "./piece.ts";

export const BARS = new Set(["|", "||", "|]", "|:", ":|", "::"]);
/** Bar lines that end or begin a part; bars beside them may be short. */
export const SECTIONS = new Set([...BARS].filter((bar) => bar !== "|"));
/** Notes of a tune with its repeats played out. */
const MOST_NOTES = 20_000;
const SPLIT = /^(\[.*\]|z|(?:\^{1,2}|_{1,2}|=)?[A-Ga-g][,']{0,4})(\d{0,3}(?:\/\d{1,3})?)$/;
const PITCH = /(\^{1,2}|_{1,2}|=|)([A-Ga-g])([,']*)/g;
const SIGNS: Record<string, number | null> = { "": null, "=": 0, "^": 1, "^^": 2, _: -1, __: -2 };
const EIGHTH = new Fraction(TICKS / 2);
const TUPLETS: Record<number, number> = { 2: 3, 3: 2, 4: 3, 6: 2, 8: 3 };

const isEnding = (token: string): boolean => /^\[\d/.test(token);
export const isTuplet = (token: string): boolean => token[0] === "(" && token.length > 1;

/** Whether a token is a note, a rest or a chord. */
export function isSound(token: string): boolean {
  if (token[0] === "[") return !isEnding(token) && token[2] !== ":" && token.includes("]");
  return "^_=zABCDEFGabcdefg".includes(token[0] ?? " ");
}

/** A sound's pitches and its length in eighths. Throws FormatError where it is no note. */
export function splitLength(token: string): [pitches: string, length: Fraction] {
  const match = SPLIT.exec(token);
  if (!match) throw formatError(`'${token}' is no note.`);
  return [match[1]!, parseLength(match[2]!)];
}

/** What the lengths in a tuplet are multiplied by, and how many notes it has. */
export function tuplet(token: string): [ratio: Fraction, count: number] {
  const parts = token.slice(1).split(":").map(Number);
  const count = parts[0]!;
  const time = parts[1] ?? TUPLETS[count] ?? 2;
  return [new Fraction(time, count), parts[2] ?? count];
}

/** The time that each token takes, in eighths: tuplets counted, grace notes free. */
export function durations(tokens: readonly string[]): Fraction[] {
  let [ratio, left, grace] = [Fraction.one, 0, false];
  return tokens.map((token) => {
    if (token === "{" || token === "}") grace = token === "{";
    else if (isTuplet(token)) [ratio, left] = tuplet(token);
    else if (isSound(token) && !grace) {
      const length = splitLength(token)[1].times(ratio);
      if (left && !--left) ratio = Fraction.one;
      return length;
    }
    return Fraction.zero;
  });
}

/** The notes of a tune with its repeats played; decorations and chord symbols are silent. */
export function sound(tokens: readonly string[]): Piece {
  const metre = tokens[0]?.startsWith("M:") ? parseMetre(tokens[0].slice(2)) : null;
  const player = new Player(keyOf(tokens));
  const lengths = durations(tokens);
  for (const place of played(tokens)) {
    player.take(tokens[place]!, lengths[place]!);
    if (player.notes.length > MOST_NOTES) {
      throw formatError(`the tune has more than ${MOST_NOTES} notes.`);
    }
  }
  return pieceOf(player.notes, {
    length: player.now.times(EIGHTH).rounded,
    metre: metre ?? [4, 4],
    key: keyOf(tokens).name,
  });
}

function keyOf(tokens: readonly string[]): Key {
  const token = tokens.find((one) => /^\[?K:/.test(one));
  return Key.parse(token?.replace(/^\[?K:|\]$/g, "") ?? "C");
}

/** When each token is first reached with repeats played, in ticks. */
export function onsets(tokens: readonly string[]): number[] {
  const lengths = durations(tokens);
  const found = new Map<number, number>();
  let now = Fraction.zero;
  for (const place of played(tokens)) {
    if (!found.has(place)) found.set(place, (now.number * TICKS) / 2);
    now = now.plus(lengths[place]!);
  }
  let before = 0;
  return tokens.map((_, place) => (before = found.get(place) ?? before));
}

/** The place behind the bar line that ends full bar `count`, or the end; a short first bar is none. */
export function afterBars(tokens: readonly string[], count: number): number {
  const lengths = durations(tokens);
  let full: Fraction | null = null;
  let [length, left] = [Fraction.zero, count];
  for (let place = 0; place < tokens.length; place++) {
    const token = tokens[place]!;
    if (/^\[?M:/.test(token)) {
      const metre = parseMetre(token.replace(/^\[?M:|\]$/g, ""));
      full = metre && new Fraction(8 * metre[0], metre[1]);
    }
    length = length.plus(lengths[place]!);
    if (!BARS.has(token)) continue;
    if (length.top > 0 && (!full || length.number >= full.number)) left -= 1;
    length = Fraction.zero;
    if (!left) return place + 1;
  }
  return tokens.length;
}

class Player {
  now = Fraction.zero;
  readonly notes: Note[] = [];
  private signature: number[];
  private altered = new Map<number, number>();
  /** Pitch to the place of the note that goes on. */
  private tied = new Map<number, number>();
  private last: number[] = [];

  constructor(key: Key) {
    this.signature = key.signature();
  }

  take(token: string, duration: Fraction): void {
    if (BARS.has(token)) this.altered.clear();
    else if (token === "-") this.tied = new Map(this.last.map((n) => [this.notes[n]!.pitch, n]));
    else if (/^\[?K:/.test(token)) this.signature = keyOf([token]).signature();
    else if (duration.top && isSound(token)) this.strike(token, duration);
  }

  private strike(token: string, duration: Fraction): void {
    const start = this.now.times(EIGHTH).rounded;
    this.now = this.now.plus(duration);
    const end = Math.max(start + 1, this.now.times(EIGHTH).rounded);
    this.last = [];
    for (const [, sign = "", letter = "C", octave = ""] of splitLength(token)[0].matchAll(PITCH)) {
      const pitch = this.pitch(sign, letter, octave);
      if (pitch < 0 || pitch > 127) continue;
      let place = this.tied.get(pitch);
      if (place !== undefined && this.notes[place]!.end === start) this.notes[place]!.end = end;
      else place = this.notes.push(note(start, end, pitch)) - 1;
      this.last.push(place);
    }
    this.tied = new Map();
  }

  private pitch(sign: string, letter: string, octave: string): number {
    const place = LETTERS.indexOf(letter.toUpperCase());
    const given = SIGNS[sign] ?? null;
    // An accidental holds for its letter in all octaves until the bar line (ABC 2.1, 4.2).
    if (given !== null) this.altered.set(place, given);
    const base = letter === letter.toLowerCase() ? 72 : 60;
    const octaves = octave.split("'").length - octave.split(",").length;
    const alteration = this.altered.get(place) ?? this.signature[place]!;
    return base + SEMITONES[place]! + 12 * octaves + alteration;
  }
}

/** The places of the tokens in the order they are played: repeats and endings followed. */
function* played(tokens: readonly string[]): Generator<number> {
  let [place, start, times] = [0, 0, 1];
  for (let steps = 0; place < tokens.length; steps++) {
    const token = tokens[place]!;
    if (steps >= 4 * MOST_NOTES) throw formatError("the tune's repeats do not end.");
    if (isEnding(token) && !numbersOf(token).has(times)) {
      place = afterRepeat(tokens, place);
      continue;
    }
    yield place++;
    if ((token === ":|" || token === "::") && times === 1) [place, times] = [start, 2];
    else if (SECTIONS.has(token)) [start, times] = [place, 1];
  }
}

/** Which times an ending such as "[1", "[1,3" or "[1-3" is played; later ones count as second. */
function numbersOf(token: string): Set<number> {
  const found = new Set<number>();
  for (const part of token.slice(1).split(",")) {
    const [first, last] = part.split("-").map(Number) as [number, number | undefined];
    for (let n = first; n <= (last ?? first); n++) found.add(Math.min(n, 2));
  }
  return found;
}

function afterRepeat(tokens: readonly string[], place: number): number {
  for (let n = place + 1; n < tokens.length; n++) if (SECTIONS.has(tokens[n]!)) return n + 1;
  return tokens.length;
}

/** ABC's name of a step of the white keys, 0 for middle C. */
export function noteName(step: number): string {
  const octave = Math.floor(step / 7);
  const letter = LETTERS[step - 7 * octave]!;
  if (octave > 0) return letter.toLowerCase() + "'".repeat(octave - 1);
  return letter + ",".repeat(-octave);
}

/** The text of a tune, four bars a line, the notes of a beat together. */
export function writeTune(tokens: readonly string[], title: string, tempo: number): string {
  const body = [...tokens];
  const metre = body[0]?.startsWith("M:") ? body.shift()! : "M:4/4";
  const key = body[0]?.startsWith("K:") ? body.shift()! : "K:C";
  const name = title.split(/\s+/).filter(Boolean).join(" ") || "Untitled";
  const lines = ["X:1", `T:${name}`, metre, "L:1/8", `Q:1/4=${short(tempo)}`, key];
  let [line, bars] = ["", 0];
  let [group, position, due] = [beam(metre), Fraction.zero, false];
  const lengths = durations(body);
  for (const [place, token] of body.entries()) {
    if (token.startsWith("[M:")) group = beam(token.slice(1, -1));
    if (BARS.has(token) || isEnding(token) || /^\[.:/.test(token)) {
      [position, due] = [Fraction.zero, false];
      line = `${line.trimEnd()} ${token} `;
    } else {
      // A space ends a beam. A tie and the end of a slur still belong to the note before.
      if (due && token !== "-" && token !== ")") [line, due] = [`${line} `, false];
      line += token;
      position = position.plus(lengths[place]!);
      due ||=
        lengths[place]!.top > 0 &&
        position.times(new Fraction(group.bottom, group.top)).bottom === 1;
    }
    if (BARS.has(token) && ++bars % 4 === 0) {
      lines.push(line.trim());
      line = "";
    }
  }
  if (line.trim()) lines.push(line.trim());
  return `${lines.join("\n")}\n`;
}

/** How many eighths a metre beams together: three, two, or half a bar of four beats. */
function beam(field: string): Fraction {
  const [beats, kind] = parseMetre(field.slice(2)) ?? [4, 4];
  if (kind >= 8 && beats % 3 === 0) return new Fraction(24, kind);
  return new Fraction((beats === 4 && kind === 4) || (beats === 2 && kind === 2) ? 4 : 2);
}

/** A number in at most six digits, as Python's "g" writes it. */
export const short = (value: number): string => String(Number(value.toPrecision(6)));
