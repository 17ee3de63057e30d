/** What a run trains, made of its settings and its text, and what is said of it in a model file. */

import type { Report } from "../../../../../kernel/src/contract.ts";
import type { Kernel } from "../../../../../kernel/src/kernel.ts";
import { Training } from "../../../../../kernel/src/training.ts";
import type { CorpusRecord, RunRecord } from "../database.ts";
import { describeEngine } from "../plan.ts";
import { suitableDropout, trainOptions } from "../settings.ts";

/** What is said of a loss in nats a token, in other units. */
export type Measures = (nats: number) => Record<string, number>;

/** Build the training. Settings that depend on the text are settled the first time. */
export function build(
  kernel: Kernel,
  text: string | Uint8Array,
  record: RunRecord,
  corpus: CorpusRecord,
  isNew: boolean,
): Training {
  const { settings } = record;
  const length = typeof text === "string" ? countPoints(text) : text.length;
  const { validation, test } = settings.text;
  if (record.suits && isNew) {
    const tokens = Math.round(length * (1 - validation - test));
    settings.stack.dropout = suitableDropout(record.suits, settings, tokens);
  }
  const size = settings.text.vocabulary === "bytes" ? 256 : new Set(text as Iterable<string>).size;
  const source = {
    // A public text goes by its name in the registry, in whatever place.
    inputs: [corpus.origin === "public" ? corpus.id.replace(/^public-/, "") : corpus.name],
    documents: 1,
    sha256: corpus.sha256,
    characters: corpus.characters ?? length,
    bytes: corpus.bytes,
    licence: corpus.licence,
  };
  return new Training(kernel, text, trainOptions(settings, size), source, { ...settings });
}

/** Return what a loss on a text is in bits a character, and as perplexity. */
export function measuresOf(text: string | Uint8Array): Measures {
  const perToken = charactersPerToken(text);
  return (nats) => ({
    bits_per_char: nats / Math.LN2 / perToken,
    perplexity: Math.exp(Math.min(700, nats)),
  });
}

/** Return what the model file says of the present weights. */
export function describeTraining(
  training: Training,
  version: string,
  report: Report | null,
  measures: Measures,
): Record<string, unknown> {
  const { document } = training.model;
  const scores = report && {
    held_out_loss_nats: report.loss_nats,
    held_out_accuracy: report.accuracy,
    held_out_mean_posterior: report.mean_posterior,
    held_out_positions: report.positions,
    ...Object.fromEntries(
      Object.entries(measures(report.loss_nats)).map(([name, n]) => [`held_out_${name}`, n]),
    ),
  };
  const { data, options } = document.provenance;
  return {
    spec: document.spec,
    task: document.task,
    provenance: {
      data,
      options,
      engine: `browser, ${describeEngine()}`,
      steps: training.step_count,
      epochs: training.epoch,
      scores: scores ?? {},
      recurra: version,
    },
  };
}

function countPoints(text: string): number {
  let count = 0;
  for (let n = 0; n < text.length; n++) {
    const unit = text.charCodeAt(n);
    if (unit < 0xdc00 || unit > 0xdfff) count += 1;
  }
  return count;
}

/** Characters that a token stands for in the mean: less than one where tokens are bytes. */
function charactersPerToken(text: string | Uint8Array): number {
  if (typeof text === "string") return 1;
  const begins = text.reduce((sum, byte) => sum + Number((byte & 0xc0) !== 0x80), 0);
  return begins / Math.max(1, text.length);
}
