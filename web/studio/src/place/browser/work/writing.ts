/** How a model writes. */

import { configError } from "../../../../../kernel/src/errors.ts";
import type { TextModel } from "../../../../../kernel/src/text-model.ts";
import type { GenerateRequest, Piece } from "../../types.ts";

/** Yield a text piece by piece, as it is drawn. */
export function* write(model: TextModel, request: GenerateRequest): Generator<Piece> {
  const { seed: digits, unknown, ...options } = request;
  if (!/^[0-9]{1,20}$/.test(digits) || BigInt(digits) >= 2n ** 64n) {
    throw configError(
      `seed is ${digits}, but has to be a whole number from 0 to 2^64 - 1.`,
      "seed",
    );
  }
  const decoder = model.vocabulary.decoder();
  const seed = BigInt(digits);
  for (const piece of model.generate({ ...options, seed, unknown })) {
    const tokens = piece.tokens.map((token) => decoder.feed(token));
    yield { text: piece.text, log_probs: piece.log_probs, tokens, ended: piece.ended };
  }
}
