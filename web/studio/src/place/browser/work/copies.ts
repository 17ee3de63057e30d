/** What a text has taken word for word from what its model learned, as studio/lens.py tells it. */

import { findCopies, SHORTEST } from "../../../../../kernel/src/insight/copies.ts";
import type { TextModel } from "../../../../../kernel/src/text-model.ts";
import { cuts } from "../../../../../kernel/src/training.ts";
import type { CopiesAnswer } from "../../types.ts";
import { database } from "../database.ts";
import { object } from "../entries.ts";
import { readText } from "../reading.ts";
import type { TextSettings } from "../settings.ts";

/** Characters of the training text that are shown on either side of a copy. */
const CONTEXT = 60;
const NOTHING: CopiesAnswer = { known: false, copies: [], share: 0, shortest: SHORTEST };

export async function copies(model: TextModel, text: string): Promise<CopiesAnswer> {
  const data = object(object(model.document.provenance).data);
  const db = await database();
  const corpora = await db.getAll("corpora");
  const corpus = corpora.find(({ sha256 }) => sha256 && sha256 === data.sha256);
  const bytes = corpus && (await db.get("texts", corpus.id));
  if (!bytes) return NOTHING;
  const options = object(object(model.document.task).options);
  const settings = object(options.text) as Partial<TextSettings>;
  const read = readText(bytes, { ...settings, vocabulary: "characters" }, corpus.name);
  const source = codePoints(read as string);
  const { validation = 0.05, test = 0.05 } = settings;
  const [end] = cuts(source.length, validation, test);
  const train = source.subarray(0, end);
  const found = findCopies(train, codePoints(text));
  return {
    known: true,
    copies: found.copies.map(({ start, length, source: place }) => ({
      start,
      length,
      corpus_start: place,
      corpus: corpus.name,
      context: String.fromCodePoint(
        ...train.subarray(
          Math.max(0, place - CONTEXT),
          Math.min(place + length, place + 4000) + CONTEXT,
        ),
      ),
    })),
    share: found.share,
    shortest: SHORTEST,
  };
}

function codePoints(text: string): Uint32Array {
  const points = new Uint32Array(text.length);
  let length = 0;
  for (let n = 0; n < text.length; n++) {
    const point = text.codePointAt(n)!;
    points[length++] = point;
    if (point > 0xffff) n += 1;
  }
  return points.subarray(0, length);
}
