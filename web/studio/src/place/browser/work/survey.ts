/** What is in a text: counts, a preview, the split, and what a person should know about it. */

import { cuts } from "../../../../../kernel/src/training.ts";
import { findResets } from "../../../../../kernel/src/resets.ts";
import type { Survey } from "../../types.ts";
import type { TextSettings } from "../settings.ts";
import { readText } from "../reading.ts";

const PREVIEW = 2000;
const BARS = 500;
/** Characters from which on a model learns to write like a text, and from which on it does well. */
const [ENOUGH, PLENTY] = [100_000, 1_000_000];
const MANY_CHARACTERS = 2000;
const REPEATS = 3;

const SHOWN: Record<string, string> = {
  "\n": "⏎",
  "\t": "⇥",
  "\r": "␍",
  " ": "␣",
  "\u00a0": "⍽",
};

const counted = new Intl.NumberFormat("en-GB");

export function surveyText(bytes: Uint8Array, settings: TextSettings, name: string): Survey {
  const read = readText(bytes, settings, name);
  // Characters are counted as a person reads them, whatever the tokens are.
  const text =
    typeof read === "string" ? read : new TextDecoder("utf-8", { ignoreBOM: true }).decode(read);
  const counts = countCharacters(text);
  const characters = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const length = typeof read === "string" ? characters : read.length;
  const kinds = [...counts.values()].filter((count) => count >= settings.minimum_count).length;
  const hasUnknown = settings.unknown === "replace" || kinds < counts.size;
  const size = typeof read === "string" ? kinds + Number(hasUnknown) : 256;
  const [first, second] = cuts(length, settings.validation, settings.test);
  const split = { train: first, validation: second - first, test: length - second };
  const sorted = [...counts].sort(
    (a, b) => b[1] - a[1] || a[0].codePointAt(0)! - b[0].codePointAt(0)!,
  );
  return {
    characters,
    lines: counts.get("\n") ?? 1,
    words: text.match(/\S+/gu)?.length ?? 0,
    histogram: sorted
      .slice(0, BARS)
      .map(([character, count]) => ({ character, shown: shown(character), count })),
    vocabulary_size: size,
    preview: Array.from(text.slice(0, 2 * PREVIEW))
      .slice(0, PREVIEW)
      .join(""),
    split,
    advice: advise(text, read, counts, { characters, size, split }, settings),
  };
}

/** Return how often each character occurs. */
export function countCharacters(text: string): Map<string, number> {
  const few = new Uint32Array(0x10000);
  const many = new Map<string, number>();
  for (let n = 0; n < text.length; n++) {
    const unit = text.charCodeAt(n);
    if (unit < 0xd800 || unit > 0xdbff || n + 1 === text.length) few[unit]! += 1;
    else {
      const character = String.fromCodePoint(text.codePointAt(n)!);
      many.set(character, (many.get(character) ?? 0) + 1);
      n += character.length - 1;
    }
  }
  const found = new Map<string, number>();
  few.forEach((count, unit) => count && found.set(String.fromCharCode(unit), count));
  for (const [character, count] of many) found.set(character, count);
  return found;
}

/** Return a character as a person can see it. */
export function shown(character: string): string {
  const code = character.codePointAt(0)!;
  if (SHOWN[character]) return SHOWN[character];
  if (code < 32) return String.fromCodePoint(0x2400 + code);
  if (/[\p{C}\p{Z}]/u.test(character)) {
    return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  }
  return character;
}

interface Facts {
  characters: number;
  size: number;
  split: Survey["split"];
}

/** Return sentences, most important first, as tasks/text/advice.py has them. */
function advise(
  text: string,
  read: string | Uint8Array,
  counts: Map<string, number>,
  { characters, size, split }: Facts,
  settings: TextSettings,
): Survey["advice"] {
  const found: Survey["advice"] = [];
  const warn = (sentence: string): void => {
    found.push({ level: "warning", text: sentence });
  };
  const number = (value: number): string => counted.format(value);
  const repeated = isOneLine(text);
  if (repeated) {
    warn(
      "The text is one line over and over, so the model will learn that line by heart and nothing else.",
    );
  } else if (characters < ENOUGH) {
    warn(
      `The text has ${number(characters)} characters; below about ${number(ENOUGH)} a model rather ` +
        "learns it by heart than learns to write like it.",
    );
  } else if (characters < PLENTY) {
    const said = `${number(characters)} characters are enough to learn from; with a million a model writes better.`;
    found.push({ level: "note", text: said });
  } else {
    found.push({ level: "good", text: `${number(characters)} characters: plenty to learn from.` });
  }
  const controls = [...counts].reduce(
    (sum, [character, count]) => sum + (isControl(character) ? count : 0),
    0,
  );
  const asCharacters = typeof read === "string";
  if (asCharacters && controls * 1000 > characters) {
    warn(
      `${number(controls)} control characters are in it, so it may be binary data: vocabulary bytes ` +
        "takes any file as it is.",
    );
  }
  if ((counts.get("\r") ?? 0) * 200 > characters && settings.line_ends === "keep") {
    warn("Its lines end in CR LF, as on Windows: line_ends lf spares the model the CR.");
  }
  if (asCharacters && size > MANY_CHARACTERS) {
    warn(
      `It has ${number(size)} different characters, which makes a large and slow model: ` +
        "minimum_count 10 leaves out the rare ones, vocabulary bytes spells them.",
    );
  }
  if (asCharacters && size > Math.floor(split.train / 2)) {
    warn(
      `The characters to learn (${number(size)}) are nearly as many as the text has to learn from ` +
        `(${number(split.train)}), so most are seen once or never.`,
    );
  }
  const resets = settings.reset_at ? findResets(read, settings.reset_at).length : 0;
  const tokens = asCharacters ? characters : read.length;
  if (resets * 8 > tokens) {
    warn(
      `The state is reset every ${(tokens / resets).toFixed(1)} ${settings.vocabulary}, so nothing ` +
        "further back can be learned; is reset_at what you mean?",
    );
  }
  return found;
}

const isControl = (character: string): boolean =>
  /\p{Cc}/u.test(character) && !"\t\n\v\f\r\x1b".includes(character);

/** Whether the text is one line, three times or more. */
function isOneLine(text: string): boolean {
  const end = text.indexOf("\n") + 1;
  if (end < 2 || text.length < REPEATS * (end - 1)) return false;
  const line = text.slice(0, end);
  for (let at = end; at < text.length; at += end) {
    const rest = text.slice(at, at + end);
    if (rest !== line && !(at + end > text.length && line.startsWith(rest))) return false;
  }
  return text.length >= REPEATS * end - 1;
}
