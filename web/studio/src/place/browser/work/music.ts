/** What is asked of a model of music in the Worker: to compose, and to be looked into. */

import { configError } from "../../../../../kernel/src/errors.ts";
import { logProbs } from "../../../../../kernel/src/music/draw.ts";
import { writeMidi } from "../../../../../kernel/src/music/midi.ts";
import { MusicModel, type Composition } from "../../../../../kernel/src/music/model.ts";
import { writeMusicXml } from "../../../../../kernel/src/music/musicxml.ts";
import { writeAbc } from "../../../../../kernel/src/music/notation.ts";
import {
  barOf,
  fromDocument,
  secondsAt,
  toDocument,
  type PieceDocument,
} from "../../../../../kernel/src/music/piece.ts";
import { largest } from "../../../../../kernel/src/text-model.ts";
import type { Composed, ComposeRequest, MusicFormat, TuneFacts } from "../../music.ts";
import type { TraceAnswer } from "../../types.ts";

export { MusicModel };

const LIKELIEST = 5;
/** Bytes that a trace may take. */
const TRACE_BYTES = 128 << 20;
/** How long the Worker composes before it looks whether it was stopped. */
const TURN_MS = 40;

/** Compose; null where it was stopped. */
export async function composed(
  model: MusicModel,
  request: ComposeRequest,
  progress: (share: number) => Promise<void>,
  stopped: () => boolean,
): Promise<Composed | null> {
  const { seed: digits, temperature, top_k, top_p, min_p, prime, ...how } = request;
  if (!/^[0-9]{1,20}$/.test(digits) || BigInt(digits) >= 2n ** 64n) {
    throw configError(
      `seed is ${digits}, but has to be a whole number from 0 to 2^64 - 1.`,
      "seed",
    );
  }
  const steps = model.compose(
    { ...how, seed: BigInt(digits), prime: prime ? fromDocument(prime) : null },
    { temperature, top_k, top_p, min_p },
  );
  for (let turn = performance.now(); ;) {
    const { done, value } = steps.next();
    if (done) return { seed: digits, tune: factsOf(model, value) };
    if (performance.now() - turn < TURN_MS) continue;
    await progress(value);
    // A message that asks to stop is heard only between two turns.
    await new Promise((resolve) => setTimeout(resolve));
    if (stopped()) return null;
    turn = performance.now();
  }
}

function factsOf(model: MusicModel, { piece, tokens, begun }: Composition): TuneFacts {
  const bar = barOf(piece);
  const count = Math.floor(piece.length / bar) + 1;
  return {
    abc: writeAbc(piece),
    notes: piece.notes.map(({ start, end, ...rest }) => ({
      start: secondsAt(piece, start),
      end: secondsAt(piece, end),
      ...rest,
    })),
    duration: secondsAt(piece, piece.length),
    metre: [...piece.metre],
    key: piece.key,
    tempo: piece.tempos[0]![1],
    bars: Array.from({ length: count }, (_, n) => secondsAt(piece, n * bar)),
    tokens,
    names: tokens.map((token) => model.vocabulary.tokenText(token)),
    times: model.vocabulary.ticks(tokens).map((tick) => secondsAt(piece, tick)),
    begun,
    piece: toDocument(piece),
  };
}

export function rendered(document: PieceDocument, format: MusicFormat): Uint8Array<ArrayBuffer> {
  const piece = fromDocument(document);
  if (format === "mid") return writeMidi(piece);
  const text = format === "abc" ? writeAbc(piece) : writeMusicXml(piece);
  return new TextEncoder().encode(text);
}

export function traced(model: MusicModel, tokens: number[]): TraceAnswer {
  const { vocabulary: words, network } = model;
  const { sizes } = network.spec.stack;
  const numbers = sizes.reduce((sum, size) => sum + size, 0) * 6 + 2 * words.size;
  const longest = Math.floor(TRACE_BYTES / (4 * numbers));
  if (tokens.length > longest) {
    throw configError(
      `the piece has ${tokens.length} tokens, but a network of this size can be looked at over ` +
        `${longest} at a time; take a shorter one.`,
      "tokens",
    );
  }
  const { arrays, read } = model.trace(tokens);
  const rows = read.map((_, n) =>
    logProbs(arrays.get("logits")!.subarray(n * words.size, (n + 1) * words.size)),
  );
  const layers = sizes.map(() => ({}) as Record<string, Float32Array>);
  for (const [name, array] of arrays) {
    const [part, layer] = name.split("_l");
    if (part && layer) layers[Number(layer)]![part] = array;
  }
  return {
    tokens: read.map((token) => words.tokenText(token)),
    sizes,
    layers,
    surprise: Float32Array.from(read, (token, n) => (n ? -rows[n - 1]![token]! : NaN)),
    likeliest: rows.map((row) =>
      largest(row, LIKELIEST).map((token) => ({
        token: words.tokenText(token),
        probability: Math.exp(row[token]!),
      })),
    ),
  };
}
