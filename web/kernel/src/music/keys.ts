/** Keys, metres and lengths as ABC writes them: formats/abc_keys.py in TypeScript. */

import { configError } from "../errors.ts";
import { Fraction } from "./fraction.ts";

export const LETTERS = "CDEFGAB";
export const SEMITONES = [0, 2, 4, 5, 7, 9, 11] as const;
const FIFTHS: Record<string, number> = { F: -1, C: 0, G: 1, D: 2, A: 3, E: 4, B: 5 };
const MODES: Record<string, number> = {
  "": 0,
  m: -3,
  dor: -2,
  phr: -4,
  lyd: 1,
  mix: -1,
  loc: -5,
};
const SPELT: Record<string, string> = {
  ...{ "": "", maj: "", ion: "", m: "m", min: "m", aeo: "m" },
  ...{ dor: "dor", phr: "phr", lyd: "lyd", mix: "mix", loc: "loc" },
};
const SIGNS: Record<string, number> = { "": 0, "#": 1, b: -1 };

/** A tonic and a mode: letter from 0 for C to 6 for B, accidental from -1 to 1. */
export class Key {
  constructor(
    readonly letter: number,
    readonly accidental: number,
    readonly mode: string,
  ) {}

  /** Read "G", "D Major", "Ador", "HP". Anything else, such as "none", is C major. */
  static parse(text: string): Key {
    if (/^\s*H[Pp]/.test(text)) return new Key(5, 0, "mix");
    const match = /^\s*([A-G])([#b]?)\s*([A-Za-z]{0,12})/.exec(text);
    if (!match) return new Key(0, 0, "");
    const [, letter = "C", sign = "", word = ""] = match;
    const mode = SPELT[word === "m" ? word : word.slice(0, 3).toLowerCase()];
    return new Key(LETTERS.indexOf(letter), SIGNS[sign]!, mode ?? "");
  }

  get name(): string {
    return LETTERS[this.letter]! + (["b", "", "#"][this.accidental + 1] ?? "") + this.mode;
  }

  /** Sharps of the signature, flats below 0. */
  get fifths(): number {
    return FIFTHS[LETTERS[this.letter]!]! + 7 * this.accidental + MODES[this.mode]!;
  }

  /** Pitch class of the tonic, 0 for C. */
  get tonic(): number {
    return (SEMITONES[this.letter]! + this.accidental + 12) % 12;
  }

  /** The accidental of each letter, C to B. */
  signature(): number[] {
    const found = [0, 0, 0, 0, 0, 0, 0];
    const order = Array.from("FCGDAEB", (letter) => LETTERS.indexOf(letter));
    const fifths = Math.max(-7, Math.min(7, this.fifths));
    for (const letter of fifths > 0 ? order.slice(0, fifths) : order.slice(7 + fifths)) {
      found[letter] = fifths > 0 ? 1 : -1;
    }
    return found;
  }

  /** The pitch classes of the key. */
  scale(): Set<number> {
    return new Set(this.signature().map((sign, n) => (SEMITONES[n]! + sign + 12) % 12));
  }

  /** The same mode on the tonic so many semitones higher, with fewest accidentals. */
  moved(semitones: number): Key {
    const wanted = (((this.tonic + semitones) % 12) + 12) % 12;
    const found: Key[] = [];
    for (let letter = 0; letter < 7; letter++) {
      for (const sign of [-1, 0, 1]) {
        const key = new Key(letter, sign, this.mode);
        if (key.tonic === wanted && Math.abs(key.fifths) <= 6) found.push(key);
      }
    }
    // Of F sharp and G flat the one with sharps, so that the choice is always the same.
    found.sort((a, b) => Math.abs(a.fifths) - Math.abs(b.fifths) || b.fifths - a.fifths);
    return found[0]!;
  }
}

/** Whether a text names a key and nothing else: "G", "D Major", "F#m", "Ador". */
export function isKey(text: string): boolean {
  const match = /^([A-G])([#b]?)\s*([A-Za-z]{0,12})$/.exec(text.trim());
  const word = match?.[3];
  if (word === undefined) return false;
  const mode = word.slice(0, 3).toLowerCase();
  return word === "m" || (mode !== "m" && mode in SPELT);
}

/** The key that a person named. Throws ConfigError where it is none. */
export function keyNamed(text: string): Key {
  const key = Key.parse(text);
  if (isKey(text) && Math.abs(key.fifths) <= 7) return key;
  throw configError(
    `key is '${text}', but has to be a letter from A to G, with # or b, and a mode such as m, dor ` +
      "or mix: G, F#m, Ador.",
    "key",
  );
}

export type Metre = readonly [number, number];

/** [6, 8] for "6/8", [4, 4] for "C", [2, 2] for "C|"; null for a free one. */
export function parseMetre(given: string): Metre | null {
  const text = given.trim();
  if (text === "C") return [4, 4];
  if (text === "C|") return [2, 2];
  const match = /^(\d{1,2})\s*\/\s*(1|2|4|8|16|32)$/.exec(text);
  return match && Number(match[1]) ? [Number(match[1]), Number(match[2])] : null;
}

/** A length as ABC writes it after a note: "", "2", "3/2", "/2". */
export function lengthText({ top, bottom }: Fraction): string {
  if (top === bottom) return "";
  if (bottom === 1) return String(top);
  return `${top === 1 ? "" : top}/${bottom}`;
}

/** The length that stands after a note; "" is 1, "/" a half, "//" a quarter. */
export function parseLength(text: string): Fraction {
  const match = /^(\d*)(\/*)(\d*)$/.exec(text);
  const [, top = "", slashes = "", bottom = ""] = match ?? [];
  const number = Number(top || 1);
  if (!slashes) return new Fraction(number);
  return new Fraction(number, bottom ? Number(bottom) || 1 : 2 ** slashes.length);
}
