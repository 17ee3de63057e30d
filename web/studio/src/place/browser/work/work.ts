/** The life of the Worker that reads texts and asks models, so that the page stays free. */

import { expose } from "comlink";
import { configError, formatError } from "../../../../../kernel/src/errors.ts";
import { STREAM } from "../../../../../kernel/src/initialise.ts";
import { readModel, writeModel, type ModelDocument } from "../../../../../kernel/src/model-file.ts";
import type { PieceDocument } from "../../../../../kernel/src/music/piece.ts";
import type { Forecaster } from "../../../../../kernel/src/series/forecaster.ts";
import type { TextModel } from "../../../../../kernel/src/text-model.ts";
import { cuts } from "../../../../../kernel/src/training.ts";
import type { ComposeRequest, MusicFormat } from "../../music.ts";
import type { ForecastWish } from "../../series.ts";
import type {
  Continuation,
  CorpusEntry,
  GenerateRequest,
  ModelEntry,
  Piece,
  Survey,
} from "../../types.ts";
import { database, newId, save, withoutDigest, type CorpusRecord } from "../database.ts";
import { cleanName, object } from "../entries.ts";
import type { TextSettings } from "../settings.ts";
import { looksLikeText, readText, sha256, unpacked } from "../reading.ts";
import { copies } from "./copies.ts";
import { describeModel } from "./describe.ts";
import { pass } from "./errors.ts";
import { kernel, kindOf, lent, withModel } from "./models.ts";
import { countCharacters, surveyText } from "./survey.ts";
import { write } from "./writing.ts";

/** What is known of a text that came with the site. */
interface Known {
  id: string;
  licence: string;
  about: string;
  sha256: string;
}

/** Numbers of the jobs that were asked to end. */
const stopped = new Set<number>();

async function bytesOf(id: string): Promise<{ corpus: CorpusRecord; bytes: Uint8Array }> {
  const db = await database();
  const [corpus, bytes] = await Promise.all([db.get("corpora", id), db.get("texts", id)]);
  if (!corpus || !bytes) {
    throw configError("There is no such text here; it may have been removed.");
  }
  return { corpus, bytes };
}

async function keep(entry: ModelEntry, file: Uint8Array): Promise<ModelEntry> {
  await save(["models", "files"], (transaction) => {
    void transaction.objectStore("models").put(entry);
    void transaction.objectStore("files").put(file, entry.id);
  });
  return entry;
}

/** Lend out a model with what it takes to look into it, which a Worker that only writes never loads. */
async function look<T>(
  id: string,
  use: (looking: typeof import("./looking.ts"), model: TextModel) => T | Promise<T>,
): Promise<T> {
  const looking = await import("./looking.ts");
  return withModel(id, (model) => use(looking, model));
}

/** Lend out a model that forecasts with what is asked of it, likewise. */
async function forecasting<T>(
  id: string,
  use: (asked: typeof import("./forecast.ts"), model: Forecaster) => T | Promise<T>,
): Promise<T> {
  const asked = await import("./forecast.ts");
  return lent(id, asked.Forecaster, "that forecasts", (model) => use(asked, model));
}

/** What only models of music need, brought when one is there. */
const music = () => import("./music.ts");

const work = {
  // Texts

  async addCorpus(name: string, data: Blob, known: Known | null): Promise<CorpusEntry> {
    const bytes = await unpacked(data).catch(() => {
      throw formatError(`${name} is damaged: it begins like a gzip file, but cannot be unpacked.`);
    });
    if (!looksLikeText(bytes)) {
      throw formatError(
        `${name} is not a text: it holds binary data. Bring a plain text file (.txt), or one packed ` +
          "with gzip.",
      );
    }
    const digest = await sha256(bytes);
    if (known && digest && digest !== known.sha256) {
      throw formatError(`${name} is not what it should be: it was damaged on the way; try again.`);
    }
    const text = readText(bytes, { wrong_bytes: "refuse" }, name) as string;
    if (!text.length) throw configError(`${name} is empty; bring a text with something in it.`);
    let characters = 0;
    for (const count of countCharacters(text).values()) characters += count;
    const record: CorpusRecord = {
      id: known?.id ?? newId("corpus"),
      name,
      origin: known ? "public" : "mine",
      bytes: bytes.length,
      characters,
      added: new Date().toISOString(),
      licence: known?.licence ?? null,
      about: known?.about ?? null,
      ready: true,
      sha256: digest,
    };
    await save(["corpora", "texts"], (transaction) => {
      void transaction.objectStore("corpora").put(record);
      void transaction.objectStore("texts").put(bytes, record.id);
    });
    return withoutDigest(record);
  },

  async survey(id: string, settings: TextSettings): Promise<Survey> {
    const { corpus, bytes } = await bytesOf(id);
    return surveyText(bytes, settings, corpus.name);
  },

  async passage(id: string, length: number, seed: number): Promise<string> {
    const { corpus, bytes } = await bytesOf(id);
    const characters = Array.from(readText(bytes, {}, corpus.name) as string);
    const [first, second] = cuts(characters.length, 0.05, 0.05);
    const held = second - first > length;
    const part = held ? characters.slice(first, second) : characters.slice(0, first);
    const draw = (await kernel()).uniforms(seed, STREAM.evaluate, 1)[0]!;
    const start = Math.floor(draw * Math.max(1, part.length - length));
    return part.slice(start, start + length).join("");
  },

  // Models

  async addModel(name: string, data: Blob): Promise<ModelEntry> {
    const file = new Uint8Array(await data.arrayBuffer());
    const shown = name.replace(/\.safetensors$/i, "") || "model";
    const read = readModel(file, shown);
    // Opened once, so that a file that cannot be used is refused now and not later.
    const kind = await kindOf(read.document.task.kind);
    kind.read(await kernel(), file, shown).dispose();
    const source = object(read.document.provenance.data);
    const inputs = Array.isArray(source.inputs) ? source.inputs.map(String) : [];
    const corpora = await (await database()).getAll("corpora");
    const corpus = corpora.find((one) => one.sha256 && one.sha256 === source.sha256);
    const entry = describeModel(
      {
        id: newId("model"),
        name: shown,
        created: new Date().toISOString(),
        bytes: file.length,
        corpus: corpus
          ? { id: corpus.id, name: corpus.name }
          : { id: null, name: inputs.slice(0, 3).join(", ") || null },
        run: null,
      },
      read.document as unknown as Record<string, unknown>,
    );
    return keep(entry, file);
  },

  /** Keep what a run had learned when it was last saved. */
  async keepRun(id: string, name: string): Promise<ModelEntry> {
    const db = await database();
    const [run, checkpoint] = await Promise.all([db.get("runs", id), db.get("checkpoints", id)]);
    if (!run) throw configError("There is no such run here; it may have been removed.");
    if (!checkpoint?.progress.step) {
      throw configError("this run has not taken a step yet, so there is nothing to keep.");
    }
    const { document, training, progress } = checkpoint;
    const file = writeModel(training.weights, document as unknown as ModelDocument);
    const known = {
      id: newId("model"),
      name: cleanName(name, `${run.entry.name}, step ${progress.step}`),
      created: new Date().toISOString(),
      bytes: file.length,
      corpus: run.entry.corpus,
      run: id,
    };
    return keep(describeModel(known, document), file);
  },

  /** Write; `hear` is awaited, so that a page that is busy is not flooded. */
  async generate(
    job: number,
    id: string,
    request: GenerateRequest,
    hear: (piece: Piece) => Promise<void>,
  ): Promise<void> {
    try {
      await withModel(id, async (model) => {
        for (const piece of write(model, request)) {
          if (stopped.has(job)) return;
          await hear(piece);
        }
      });
    } finally {
      stopped.delete(job);
    }
  },

  stop(job: number): void {
    stopped.add(job);
  },

  next: (id: string, text: string, count: number): Promise<Continuation[]> =>
    withModel(id, (model) =>
      model.next(text, count).map(({ token, probability }) => ({
        token: model.vocabulary.tokenText(token),
        probability,
      })),
    ),

  copies: (id: string, text: string) => withModel(id, (model) => copies(model, text)),

  trace: (id: string, text: string) => look(id, (looking, model) => looking.trace(model, text)),

  saliency: (id: string, text: string, position: number, target: string | null) =>
    look(id, (looking, model) => looking.saliencyOf(model, text, position, target)),

  async inside(
    job: number,
    id: string,
    text: string,
    pattern: string | null,
    progress: (share: number) => Promise<void>,
  ) {
    try {
      return await look(id, (looking, model) =>
        looking.inside(model, text, pattern, progress, () => stopped.has(job)),
      );
    } finally {
      stopped.delete(job);
    }
  },

  // Music

  async composeMusic(
    job: number,
    id: string,
    request: ComposeRequest,
    progress: (share: number) => Promise<void>,
  ) {
    try {
      const { composed, MusicModel } = await music();
      return await lent(id, MusicModel, "of music", (model) =>
        composed(model, request, progress, () => stopped.has(job)),
      );
    } finally {
      stopped.delete(job);
    }
  },

  renderMusic: async (piece: PieceDocument, format: MusicFormat) =>
    (await music()).rendered(piece, format),

  async traceMusic(id: string, tokens: number[]) {
    const { traced, MusicModel } = await music();
    return lent(id, MusicModel, "of music", (model) => traced(model, tokens));
  },

  // Series with classes

  async surveyLabelled(name: string, file: Blob) {
    return (await import("./labels.ts")).surveyed(name, file);
  },

  async classify(id: string, data: string) {
    const { classified, Classifier } = await import("./labels.ts");
    return lent(id, Classifier, "that classifies series", (model) => classified(model, data));
  },

  async moments(id: string, data: string, row: number) {
    const { explained, Classifier } = await import("./labels.ts");
    return lent(id, Classifier, "that classifies series", (model) => explained(model, data, row));
  },

  // Series to forecast

  async surveySeries(name: string, file: Blob) {
    return (await import("./forecast.ts")).surveyed(name, file);
  },

  seriesFacts: (id: string, data: string) =>
    forecasting(id, (asked, model) => asked.facts(model, data)),

  forecast: (id: string, wish: ForecastWish & { data: string }) =>
    forecasting(id, (asked, model) => asked.forecast(model, wish)),

  evaluateSeries: (id: string, data: string, progress: (share: number) => Promise<void>) =>
    forecasting(id, (asked, model) => asked.evaluated(model, data, progress)),

  seriesMemory: (id: string, data: string, series: string | null) =>
    forecasting(id, (asked, model) => asked.remembered(model, data, series)),

  // Number sequences

  async askNumbers(id: string, numbers: number[], count: number, terms: number) {
    const { answered, NumberModel } = await import("./numbers.ts");
    return lent(id, NumberModel, "of number sequences", (model) =>
      answered(model, numbers, count, terms),
    );
  },
};

export type Work = typeof work;

/** Be the Worker that reads texts and asks models. */
export function serve(): void {
  pass();
  expose(work);
}
