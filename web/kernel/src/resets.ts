/** Where a text begins anew, by a regular expression or the name of a common one. */

import { configError } from "./errors.ts";

/** A pattern of plain letters that takes them in either case. */
const anyCase = (words: string): string =>
  words.replace(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`);

const HEADING = anyCase("chapter|book|canto|part|act|scene");
const NUMBER = anyCase("the|one|two|three|four|five|six|seven|eight|nine|ten");

/** As RESETS in tasks/text/options.py. */
export const RESETS: Record<string, string> = {
  // After the blank line or lines between two paragraphs.
  paragraph: String.raw`\r?\n(?:[ \t]*\r?\n)+`,
  // Before a heading: "CHAPTER IV.", "Act 2", "\chapter{...}".
  chapter:
    String.raw`^(?=[ \t]*(?:${HEADING})[ \t]+(?:\d+|[IVXLCDM]+|(?:${NUMBER})\b.*)` +
    String.raw`[ \t]*(?:[.:,\u2014-]|\r?$)|\\(?:chapter|section)\*?\{)`,
  // The beginnings of documents alone, and there is one document.
  document: "(?!)",
};

/**
 * Return the positions, in tokens and increasing, after the matches of a pattern; the beginning is
 * one of them. Throws ConfigError where it is no regular expression.
 */
export function findResets(text: string | Uint8Array, pattern: string): number[] {
  let wanted: RegExp;
  try {
    wanted = new RegExp(RESETS[pattern] ?? pattern, "gm");
  } catch (error) {
    throw configError(
      `reset_at is '${pattern}', which is no regular expression here: ${(error as Error).message}.`,
      "reset_at",
    );
  }
  const isBytes = typeof text !== "string";
  // Bytes are searched as the characters of their numbers.
  const searched = isBytes ? latin(text) : text;
  const found = [0];
  let [units, points] = [0, 0];
  for (const match of searched.matchAll(wanted)) {
    const end = match.index + match[0].length;
    if (end === 0 || end === searched.length) continue;
    // Tokens are code points; a match ends where some of them, of two units each, lie before it.
    for (; units < end; units++) {
      const code = searched.charCodeAt(units);
      if (isBytes || code < 0xdc00 || code > 0xdfff) points += 1;
    }
    if (points > found.at(-1)!) found.push(points);
  }
  return found;
}

function latin(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 1 << 15) {
    text += String.fromCharCode(...bytes.subarray(at, at + (1 << 15)));
  }
  return text;
}
