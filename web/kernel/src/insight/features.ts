/**
 * What a simple eye sees in a text: where quotes, brackets and words are, and the place in a line.
 * The features of tasks/text/features.py, one value a character (code point).
 *
 * What is inside of something begins with the character that opens it and ends before the one that
 * closes it: the value at a character is what a reader knows who has just read it.
 */

import { configError } from "../errors.ts";

export interface Feature {
  name: string;
  /** Whole numbers; 0 and 1 where it holds or does not. */
  values: Int32Array;
  isNumber: boolean;
}

/** A letter, a digit or "_", in any script, as Python has it. */
const WORD = String.raw`[\p{L}\p{N}_]`;
const QUOTES = new RegExp(
  String.raw`"""(?:\\.|[^\\])*?"""` + // strings over many lines
    String.raw`|'''(?:\\.|[^\\])*?'''` +
    String.raw`|"(?:\\.|[^"\\\n]|\n(?!\s*\n))*"` + // speech and strings, not beyond a blank line
    String.raw`|“(?:[^”\n]|\n(?!\s*\n))*”` +
    // Single quotes stand outside of words, apostrophes inside; a string's prefix may come first.
    String.raw`|(?<!${WORD})[rbfuRBFU]{0,2}'(?:\\.|[^'\\\n]|(?<=${WORD})'(?=${WORD}))*'(?!${WORD})` +
    String.raw`|‘(?:[^’\n]|(?<=${WORD})’(?=${WORD}))*’(?!${WORD})`,
  "gsu",
);
const TAGS = /<[/!?A-Za-z][^<>]{0,500}>/gu;
const DOUBLE = /\[\[[^[\]]{1,500}\]\]|\{\{[^{}]{1,2000}\}\}/gu;
const CAPITALS = /[A-ZÀ-ÖØ-Þ]{2,}/gu;
const LEADING = /^[ \t]+(?=\S)/gmu;
const PAIRS = new Map([
  ["(", ")"],
  ["[", "]"],
  ["{", "}"],
]);
const CLOSING = new Set(PAIRS.values());
/** Brackets further apart than this many characters are not taken for a pair. */
const FARTHEST = 3000;
const LETTER = /[\p{L}\p{N}]/u;
const DIGIT = /\p{Nd}|[\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089]/u;

/** Return the features of every character; what `pattern` matches is one too. */
export function textFeatures(text: string, pattern: string | null = null): Feature[] {
  const marks = new Marks(text);
  const { characters } = marks;
  const size = characters.length;
  const truth = (name: string, values: Int32Array): Feature => ({ name, values, isNumber: false });
  const each = (holds: (character: string, n: number) => boolean): Int32Array =>
    Int32Array.from(characters, (character, n) => Number(holds(character, n)));
  const brackets = new Map([...PAIRS.keys()].map((opening) => [opening, new Int32Array(size)]));
  for (const [first, last] of pairs(characters)) {
    brackets.get(characters[first]!)!.fill(1, first, last);
  }
  const letters = each((character) => LETTER.test(character));
  const markup = marks.inside(TAGS);
  marks.inside(DOUBLE).forEach((value, n) => (markup[n]! |= value));
  const found: Feature[] = [
    truth("inside quotes", marks.inside(QUOTES, quoteOpens)),
    truth("inside round brackets", brackets.get("(")!),
    truth("inside square brackets", brackets.get("[")!),
    truth("inside braces", brackets.get("{")!),
    truth("inside markup", markup),
    { name: "position in line", values: column(characters), isNumber: true },
    truth("leading space", marks.covered(LEADING)),
    truth(
      "word start",
      letters.map((value, n) => value & ~(n ? letters[n - 1]! : 0) & 1),
    ),
    truth("capital run", marks.covered(CAPITALS)),
    truth(
      "digit",
      each((character) => DIGIT.test(character)),
    ),
    truth(
      "vowel",
      each((character) => "aeiouAEIOU".includes(character)),
    ),
  ];
  if (pattern !== null) found.push(truth(`matches ${pattern}`, marks.covered(own(pattern))));
  return found;
}

function own(pattern: string): RegExp {
  try {
    return new RegExp(pattern, "gm");
  } catch (error) {
    throw configError(
      `the pattern '${pattern}' is no regular expression: ${(error as Error).message}.`,
      "pattern",
    );
  }
}

/** Return where the quote itself stands, after the prefix that a string may have. */
const quoteOpens = (match: string): number =>
  match.length - match.replace(/^[rbfuRBFU]+/, "").length;

/** Marks characters by the matches of a pattern, whose places count units of UTF-16. */
class Marks {
  readonly characters: string[];
  private readonly places: Int32Array | null;

  constructor(private readonly text: string) {
    this.characters = Array.from(text);
    this.places = null;
    if (this.characters.length === text.length) return;
    this.places = new Int32Array(text.length + 1);
    let unit = 0;
    this.characters.forEach((character, n) => {
      for (let k = 0; k < character.length; k++) this.places![unit++] = n;
    });
    this.places[unit] = this.characters.length;
  }

  private place(unit: number): number {
    return this.places ? this.places[unit]! : unit;
  }

  /** Mark each match from its opening to before its last character. */
  inside(pattern: RegExp, opening: (match: string) => number = () => 0): Int32Array {
    return this.mark(pattern, opening, 1);
  }

  /** Mark every character of each match. */
  covered(pattern: RegExp): Int32Array {
    return this.mark(pattern, () => 0, 0);
  }

  private mark(pattern: RegExp, opening: (match: string) => number, less: number): Int32Array {
    const marks = new Int32Array(this.characters.length);
    for (const match of this.text.matchAll(pattern)) {
      const first = this.place(match.index + opening(match[0]));
      marks.fill(1, first, Math.max(first, this.place(match.index + match[0].length) - less));
    }
    return marks;
  }
}

/** Yield where brackets open and close; what has no partner is left out. */
function* pairs(characters: string[]): Generator<[number, number]> {
  const waiting: number[] = [];
  for (let place = 0; place < characters.length; place++) {
    const character = characters[place]!;
    if (PAIRS.has(character)) waiting.push(place);
    else if (CLOSING.has(character)) {
      const partner = waiting.findLastIndex((at) => PAIRS.get(characters[at]!) === character);
      if (partner < 0) continue;
      const opened = waiting[partner]!;
      waiting.length = partner;
      if (place - opened <= FARTHEST) yield [opened, place];
    }
  }
}

/** Return how many characters of its line each character ends: 1 for a line's first. */
function column(characters: string[]): Int32Array {
  let last = -1;
  return Int32Array.from(characters, (character, n) => {
    // The line end itself opens the next line: who has read it stands at column 0.
    if (character === "\n") last = n;
    return n - last;
  });
}
