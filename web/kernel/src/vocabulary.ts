/**
 * From text to token numbers and back, as tasks/text/vocabulary.py does it: characters and bytes.
 *
 * Characters are Unicode code points, numbered in their order; the unknown token comes last.
 */

import { configError, formatError } from "./errors.ts";

/** How the unknown token is written. */
export const UNKNOWN = "\ufffd";

export type Policy = "refuse" | "replace";
export type Tokens = Uint8Array | Uint16Array | Uint32Array | Int32Array;
export type VocabularyDocument =
  { kind: "characters"; characters: string; unknown: boolean; policy: Policy } | { kind: "bytes" };

/** Turns tokens into text as they come. */
export interface Decoder {
  /** Return what the token adds to the text: "" while a character is incomplete. */
  feed(token: number): string;
  /** Return what is left at the end. */
  flush(): string;
}

export interface Vocabulary {
  readonly kind: "characters" | "bytes";
  readonly size: number;
  /** Throws ConfigError for what is outside, unless it is to be replaced. */
  encode(text: string, unknown?: Policy): Tokens;
  decoder(): Decoder;
  decode(tokens: ArrayLike<number>): string;
  /** Return how one token is shown to a person. */
  tokenText(token: number): string;
  toDocument(): VocabularyDocument;
}

export class CharacterVocabulary implements Vocabulary {
  readonly kind = "characters";
  readonly size: number;
  readonly unknown: number | undefined;
  private readonly texts: string[];
  private readonly numbers: Map<number, number>;

  constructor(
    characters: Iterable<string>,
    readonly hasUnknown = false,
    readonly policy: Policy = "refuse",
  ) {
    const points = [...new Set(characters)].map((text) => text.codePointAt(0)!);
    points.sort((a, b) => a - b);
    this.texts = points.map((point) => String.fromCodePoint(point));
    this.numbers = new Map(points.map((point, token) => [point, token]));
    if (hasUnknown) this.unknown = this.texts.push(UNKNOWN) - 1;
    this.size = this.texts.length;
    if (!this.size) {
      throw configError("a vocabulary needs at least one character, but the text is empty.");
    }
  }

  /** Of a text; there is an unknown token when some characters are too rare, or it is asked for. */
  static of(text: string, minimumCount = 1, policy: Policy = "refuse"): CharacterVocabulary {
    if (minimumCount <= 1) {
      return new CharacterVocabulary(text, policy === "replace", policy);
    }
    const counts = new Map<string, number>();
    for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
    const common = [...counts.keys()].filter((one) => counts.get(one)! >= minimumCount);
    const rare = common.length < counts.size;
    return new CharacterVocabulary(common, rare || policy === "replace", policy);
  }

  get characters(): string {
    return this.texts.slice(0, this.texts.length - Number(this.hasUnknown)).join("");
  }

  encode(text: string, unknown: Policy = this.policy): Tokens {
    const tokens = new Uint32Array(text.length);
    let length = 0;
    for (let at = 0; at < text.length;) {
      const point = text.codePointAt(at)!;
      let token = this.numbers.get(point);
      if (token === undefined) {
        if (unknown === "refuse" || this.unknown === undefined) throw this.refuse(text, at, point);
        token = this.unknown;
      }
      tokens[length++] = token;
      at += point > 0xffff ? 2 : 1;
    }
    // The smallest type that holds every token: a text takes as little memory as may be.
    const found = tokens.subarray(0, length);
    if (this.size <= 1 << 8) return Uint8Array.from(found);
    return this.size <= 1 << 16 ? Uint16Array.from(found) : found.slice();
  }

  private refuse(text: string, at: number, point: number): Error {
    const line = text.slice(0, at).split("\n").length;
    const code = point.toString(16).toUpperCase().padStart(4, "0");
    return configError(
      `the character ${JSON.stringify(String.fromCodePoint(point))} (U+${code}, line ${line}) is not ` +
        `among the ${this.size} characters that this model knows; leave it out, or have unknown ` +
        "ones replaced.",
    );
  }

  decoder(): Decoder {
    return { feed: (token) => this.texts[token] ?? "", flush: () => "" };
  }

  decode(tokens: ArrayLike<number>): string {
    return Array.from(tokens, (token) => this.texts[token] ?? "").join("");
  }

  tokenText(token: number): string {
    return token === this.unknown ? "<unknown>" : (this.texts[token] ?? "");
  }

  toDocument(): VocabularyDocument {
    const { kind, characters, hasUnknown, policy } = this;
    return { kind, characters, unknown: hasUnknown, policy };
  }
}

/** The 256 bytes: every text can be written in them, as UTF-8. */
export class ByteVocabulary implements Vocabulary {
  readonly kind = "bytes";
  readonly size = 256;

  encode(text: string): Tokens {
    return new TextEncoder().encode(text);
  }

  decoder(): Decoder {
    const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
    return {
      feed: (token) => utf8.decode(Uint8Array.of(token), { stream: true }),
      flush: () => utf8.decode(),
    };
  }

  decode(tokens: ArrayLike<number>): string {
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(tokens));
  }

  tokenText(token: number): string {
    const printable = token >= 32 && token < 127;
    return printable ? String.fromCharCode(token) : `\\x${token.toString(16).padStart(2, "0")}`;
  }

  toDocument(): VocabularyDocument {
    return { kind: "bytes" };
  }
}

/** Build the vocabulary that a model file describes. Throws FormatError where it cannot be read. */
export function vocabularyFromDocument(json: unknown): Vocabulary {
  const document = json as Partial<Record<string, unknown>> | null;
  const kind = document?.kind;
  if (kind === "bytes") return new ByteVocabulary();
  if (kind === "words" || kind === "subwords") {
    throw formatError(
      `the model's tokens are ${kind}, which the browser does not read yet; characters and bytes it does.`,
    );
  }
  const { characters, unknown, policy } = document ?? {};
  if (
    kind !== "characters" ||
    typeof characters !== "string" ||
    typeof unknown !== "boolean" ||
    (policy !== "refuse" && policy !== "replace")
  ) {
    throw formatError("the vocabulary in this file is incomplete, damaged or of an unknown kind.");
  }
  const found = new CharacterVocabulary(characters, unknown, policy);
  if (found.characters !== characters) {
    throw formatError("the vocabulary's characters are not in order, each once.");
  }
  return found;
}

/** Return the token that is read where there is no text yet: line end, space, or the commonest. */
export function startToken(vocabulary: Vocabulary, tokens: Tokens): number {
  for (const mark of ["\n", " "]) {
    try {
      const [token, ...more] = vocabulary.encode(mark, "refuse");
      if (token !== undefined && !more.length) return token;
    } catch {
      continue; // not in the vocabulary
    }
  }
  const counts = new Float64Array(vocabulary.size);
  for (const token of tokens.subarray(0, 1_000_000)) counts[token]! += 1;
  return counts.indexOf(Math.max(...counts));
}
