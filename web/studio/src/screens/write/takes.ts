/**
 * What was written, and how, so that it can be written again.
 *
 * A take is a prime and the stretches that followed it: the first, each continuation, and each branch,
 * which puts a chosen token in place of the one that was drawn and goes on from there. Stretch number k
 * (from 0) draws from sample `sample + 1,000,000 · k` of the seed, so that a continuation has random
 * numbers of its own and the whole take comes back from its settings and its path alone.
 */

import type { GenerateRequest, Piece } from "../../place/types.ts";

/** One token of what was written. */
export interface Written {
  text: string;
  /** nats; NaN for the prime, which was not drawn. */
  logProb: number;
  /** Whether a person chose it. */
  chosen: boolean;
  /** How many draws it took: more than one for a character of several bytes. */
  draws: number;
}

/** What was drawn of a character that is still incomplete. */
export interface Rest {
  logProb: number;
  draws: number;
}

export const NOTHING: Rest = { logProb: 0, draws: 0 };

export interface Stretch {
  /** The token that a person chose to begin with, if it is a branch. */
  token: string | null;
  /** How many tokens were drawn. */
  length: number;
}

export interface Take {
  /** From 1. */
  number: number;
  /** The take that it branched from, and after how many tokens of it. */
  from: { take: number; kept: number } | null;
  model: string;
  prime: string;
  rules: Rules;
  stretches: Stretch[];
  tokens: Written[];
}

/** How tokens are drawn: a request without its prime and length. */
export type Rules = Omit<GenerateRequest, "prime" | "length">;

/** Streams of one seed that a take leaves to its neighbours. */
export const STRIDE = 1_000_000;

/** Lengths are bounded in an address, so that a link cannot ask for a day's work. */
const LONGEST = 100_000;

export function textOf(tokens: readonly Written[]): string {
  return tokens.map((token) => token.text).join("");
}

/** The request that draws stretch number `stretch` of a take, after what is written. */
export function request(take: Take, stretch: number, length: number): GenerateRequest {
  return {
    ...take.rules,
    sample: take.rules.sample + STRIDE * stretch,
    prime: take.prime + textOf(take.tokens),
    length,
  };
}

/**
 * The tokens of a piece. Where a character came in several pieces its parts become one token, whose
 * log-probability is their sum; the second result is what is still incomplete.
 */
export function tokensOf(piece: Piece, rest: Rest): [Written[], Rest] {
  if (piece.tokens.join("") === piece.text && rest.draws === 0) {
    const tokens = piece.tokens.map((text, n) => ({
      text,
      logProb: piece.log_probs[n] ?? NaN,
      chosen: false,
      draws: 1,
    }));
    return [tokens, NOTHING];
  }
  const sum: Rest = {
    logProb: piece.log_probs.reduce((total, one) => total + one, rest.logProb),
    draws: rest.draws + piece.tokens.length,
  };
  if (piece.text === "") return [[], sum];
  return [[{ text: piece.text, chosen: false, ...sum }], NOTHING];
}

/** The stretches that made the first `draws` draws; a chosen token counts as one. */
export function stretchesUpTo(stretches: readonly Stretch[], draws: number): Stretch[] {
  const found: Stretch[] = [];
  let left = draws;
  for (const one of stretches) {
    if (left <= 0) break;
    const own = one.token === null ? 0 : 1;
    found.push({ ...one, length: Math.min(one.length, left - own) });
    left -= own + one.length;
  }
  return found;
}

/** A new take that keeps `kept` tokens of another and goes on with a chosen one. */
export function branch(
  take: Take,
  number: number,
  kept: number,
  token: string,
  logProb: number,
): Take {
  const before = take.tokens.slice(0, kept);
  const draws = before.reduce((sum, one) => sum + one.draws, 0);
  return {
    ...take,
    number,
    from: { take: take.number, kept },
    stretches: [...stretchesUpTo(take.stretches, draws), { token, length: 0 }],
    tokens: [...before, { text: token, logProb, chosen: true, draws: 1 }],
  };
}

/** Stretches as they stand in an address: "200~150:65", where 65 is the chosen "e" in hexadecimal. */
export function pathOf(stretches: readonly Stretch[]): string {
  const codes = (token: string): string =>
    Array.from(token, (one) => one.codePointAt(0)!.toString(16)).join("-");
  return stretches
    .map(({ token, length }) => (token === null ? `${length}` : `${length}:${codes(token)}`))
    .join("~");
}

/** Read a path from an address; null where it is none. */
export function readPath(path: string): Stretch[] | null {
  const found: Stretch[] = [];
  for (const part of path.split("~")) {
    const match = /^(\d{1,6})(?::([0-9a-f]{1,6}(?:-[0-9a-f]{1,6}){0,31}))?$/.exec(part);
    if (!match) return null;
    const codes = match[2]?.split("-").map((code) => parseInt(code, 16)) ?? null;
    if (codes?.some((code) => code > 0x10ffff)) return null;
    const length = Number(match[1]);
    if (length > LONGEST) return null;
    found.push({ token: codes && String.fromCodePoint(...codes), length });
  }
  return found;
}

/** Where a passage of characters lies among tokens: the first and the one after the last. */
export function tokenRange(
  tokens: readonly string[],
  start: number,
  length: number,
): [number, number] {
  let at = 0;
  let first = tokens.length;
  for (let n = 0; n < tokens.length; n++) {
    if (at >= start + length) return [Math.min(first, n), n];
    at += tokens[n]!.length;
    if (at > start && first === tokens.length) first = n;
  }
  return [first, tokens.length];
}

/** Mean surprise of what was drawn, in nats a token; NaN for none. */
export function meanSurprise(tokens: readonly Written[]): number {
  const drawn = tokens.filter((one) => !one.chosen && !Number.isNaN(one.logProb));
  return -drawn.reduce((sum, one) => sum + one.logProb, 0) / drawn.length;
}
