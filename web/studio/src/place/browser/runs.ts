/** Trainings in this browser: each in a Worker of its own, watched and commanded from any tab. */

import { configError, RecurraError } from "../../../../kernel/src/errors.ts";
import type { Runs, Stop } from "../place.ts";
import type { ModelEntry, RunEntry, RunEvent, StartRequest } from "../types.ts";
import { work, type BrowserCorpora } from "./corpora.ts";
import { database, eventsFrom, newId, plain, save, type RunRecord } from "./database.ts";
import { cleanName, object, RUN_MODEL } from "./entries.ts";
import { gather, suitsDropout, VERSION } from "./options.ts";
import { askToPersist } from "./quota.ts";
import { BUDGETS } from "./settings.ts";
import { startWorker } from "./start-worker.ts";
import { channelOf, lockOf, standings, type Command, type Message } from "./training/channel.ts";
import type { Told } from "./training/life.ts";
import { trains, Watcher } from "./watcher.ts";

/** How long a running training may take to answer: a checkpoint of a large network included. */
const ANSWER_MS = 30_000;
/** How long one that has ended may hold on. */
const ENDING_MS = 5000;

export class BrowserRuns implements Runs {
  /** How the runs that train in this tab or another stand, by what they tell. */
  private readonly live = new Map<string, RunEntry>();

  constructor(private readonly corpora: BrowserCorpora) {
    standings().onmessage = ({ data }: MessageEvent<RunEntry>) => this.live.set(data.id, data);
  }

  async list(kind = "text"): Promise<RunEntry[]> {
    if (kind !== "text") return []; // texts are what this place trains on
    const [records, held] = await Promise.all([
      database().then((db) => db.getAll("runs")),
      locks(),
    ]);
    const entries = records.map((record) => this.standing(record, held));
    return entries.sort((a, b) => b.created.localeCompare(a.created));
  }

  async has(id: string): Promise<boolean> {
    return (await (await database()).getKey("runs", id)) !== undefined;
  }

  async get(id: string): Promise<RunEntry> {
    return this.standing(await this.record(id), await locks());
  }

  private async record(id: string): Promise<RunRecord> {
    const record = await (await database()).get("runs", id);
    if (!record) throw configError("There is no such run here; it may have been removed.");
    return record;
  }

  /** Return how a run stands: one that says that it trains, but whose lock is free, was cut off. */
  private standing({ id, entry }: RunRecord, held: Set<string>): RunEntry {
    if (!held.has(lockOf(id))) {
      this.live.delete(id);
      return trains(entry) ? { ...entry, status: "interrupted" } : entry;
    }
    // That it has ended is for the database alone to say: what was told arrives early or late, or
    // is of the time before the run was gone on with.
    const told = this.live.get(id);
    if (!told || !trains(entry) || !trains(told)) return entry;
    return { ...told, name: entry.name };
  }

  async start(given: StartRequest): Promise<RunEntry> {
    const request = plain(given);
    const settings = gather(request.options, request.preset);
    const { train } = settings;
    if (BUDGETS.every((name) => train[name] === null)) {
      throw configError("a training needs a budget: steps, epochs or seconds.", "steps");
    }
    const corpus = await this.corpora.ready(request.corpus ?? "");
    void askToPersist();
    const id = newId("run");
    const entry: RunEntry = {
      id,
      name: cleanName(request.name, corpus.name),
      kind: "text",
      status: "running",
      message: null,
      created: new Date().toISOString(),
      corpus: { id: corpus.id, name: corpus.name },
      preset: request.preset,
      options: request.options,
      step: 0,
      steps: train.steps,
      seconds: train.seconds,
      elapsed_s: 0,
      progress: 0,
      best_loss_nats: null,
      parameters: null,
      model: null,
    };
    const record: RunRecord = {
      id,
      entry,
      settings,
      suits: suitsDropout(request.options, request.preset),
      version: VERSION,
      sha256: corpus.sha256,
      events: 0,
      checkpoint_events: 0,
    };
    await save(["runs"], (transaction) => void transaction.objectStore("runs").put(record));
    await this.launch(id);
    return this.get(id);
  }

  /** Start a Worker on a run; returns once it holds the run's lock. */
  private launch(id: string): Promise<void> {
    const worker = startWorker("training");
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<Told>) => {
        if (data.kind === "held") resolve();
        if (data.kind === "busy")
          reject(configError("this run is trained in another tab already."));
      };
      worker.onerror = (event) => {
        worker.terminate();
        reject(
          new RecurraError(
            "ResourceError",
            `the training's Worker failed: ${event.message || "it could not be loaded"}.`,
          ),
        );
      };
      worker.postMessage(id);
    });
  }

  watch(
    id: string,
    hear: (events: RunEvent[], anew?: boolean) => void,
    lost?: (why: string | null) => void,
  ): Stop {
    const watcher = new Watcher(id, hear, lost, () => this.get(id));
    return () => watcher.stop();
  }

  async pause(id: string): Promise<void> {
    await this.mustTrain(id, "so it cannot be paused");
    await this.command(id, "pause");
  }

  async step(id: string): Promise<void> {
    await this.mustTrain(id, "so it cannot take a single step");
    await this.command(id, "step");
  }

  async resume(id: string, given: Record<string, unknown> = {}): Promise<void> {
    const changes = plain(given);
    if (await this.trains(id)) {
      if (Object.keys(changes).length) {
        throw configError(
          "A training's settings can be changed once it is stopped; stop it first.",
        );
      }
      await this.command(id, "resume");
      return;
    }
    const record = await this.record(id);
    const options = { ...record.entry.options, ...changes };
    if (BUDGETS.some((name) => name in changes)) {
      for (const name of BUDGETS) if (!(name in changes)) delete options[name];
    }
    const settings = gather(options, record.entry.preset);
    // What was settled from the text stays, unless it is changed.
    if (!("dropout" in changes)) settings.stack.dropout = record.settings.stack.dropout;
    checkChanges(record, settings);
    const entry: RunEntry = { ...record.entry, options, status: "running", message: null };
    const next = { ...record, settings, entry };
    await save(["runs"], (transaction) => void transaction.objectStore("runs").put(next));
    try {
      await this.launch(id);
    } catch (error) {
      await save(["runs"], (transaction) => void transaction.objectStore("runs").put(record));
      throw error;
    }
  }

  async stop(id: string): Promise<void> {
    await this.mustTrain(id, "so there is nothing to stop");
    await this.command(id, "stop");
  }

  async keep(id: string, name: string): Promise<ModelEntry> {
    if (await this.trains(id)) await this.command(id, "save");
    return work().keepRun(id, name);
  }

  async rename(id: string, name: string): Promise<RunEntry> {
    await save(["runs", "models"], async (transaction) => {
      const record = await transaction.objectStore("runs").get(id);
      if (!record) return;
      record.entry.name = cleanName(name, record.entry.name);
      void transaction.objectStore("runs").put(record);
      const model = await transaction.objectStore("models").get(RUN_MODEL + id);
      if (model) void transaction.objectStore("models").put({ ...model, name: record.entry.name });
    });
    if (await this.trains(id)) await this.renamed(id);
    return this.get(id);
  }

  /** Tell a training its new name: it writes its record at each save. */
  private async renamed(id: string): Promise<void> {
    const { entry } = await this.record(id);
    await this.command(id, "rename", entry.name);
  }

  async remove(id: string): Promise<void> {
    if (await this.trains(id)) {
      throw configError("This run is training; stop it before it is removed.");
    }
    // A training that has just said that it ended may hold its lock for a moment longer.
    const signal = AbortSignal.timeout(ENDING_MS);
    await navigator.locks.request(lockOf(id), { signal }, () =>
      save(["runs", "events", "checkpoints", "models", "files"], (transaction) => {
        void transaction.objectStore("runs").delete(id);
        void transaction.objectStore("events").delete(eventsFrom(id));
        void transaction.objectStore("checkpoints").delete(id);
        void transaction.objectStore("models").delete(RUN_MODEL + id);
        void transaction.objectStore("files").delete(RUN_MODEL + id);
      }),
    );
  }

  private async trains(id: string): Promise<boolean> {
    return trains(await this.get(id));
  }

  private async mustTrain(id: string, so: string): Promise<void> {
    if (!(await this.trains(id))) throw configError(`This run is not training, ${so}.`);
  }

  /** Ask a training for something and wait until it has obeyed. */
  private command(id: string, command: Command, name?: string): Promise<void> {
    const channel = channelOf(id);
    const call = newId("call");
    const ended = new AbortController();
    return new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new RecurraError("ResourceError", "the training does not answer; reload the page."));
      }, ANSWER_MS);
      // Whoever trains it may end before it hears.
      const { signal } = ended;
      navigator.locks
        .request(lockOf(id), { signal, mode: "shared" }, () =>
          reject(configError("This run has just ended.")),
        )
        .catch(() => undefined)
        .finally(() => clearTimeout(timer));
      channel.onmessage = ({ data }: MessageEvent<Message>) => {
        if (data.kind !== "answer" || data.call !== call) return;
        clearTimeout(timer);
        if (data.error) reject(new RecurraError(data.error.kind, data.error.message));
        else resolve();
      };
      const message: Message = { kind: "command", call, command, name: name ?? null };
      channel.postMessage(message);
    }).finally(() => {
      ended.abort();
      channel.close();
    });
  }
}

/** Refuse what would make another run of it: only the budget and how it is told may change. */
function checkChanges(record: RunRecord, settings: RunRecord["settings"]): void {
  if (record.entry.step === 0) return;
  for (const part of ["text", "model", "stack", "windows"] as const) {
    const [old, fresh] = [object(record.settings[part]), object(settings[part])];
    const name = Object.keys(fresh).find(
      (one) => JSON.stringify(old[one]) !== JSON.stringify(fresh[one]),
    );
    if (!name) continue;
    throw configError(`${name} cannot change in a run that has begun; start a new run.`, name);
  }
  const { steps, seconds } = settings.train;
  const { status, step, elapsed_s } = record.entry;
  if (status !== "finished") return;
  if ((steps !== null && steps <= step) || (seconds !== null && seconds <= elapsed_s)) {
    throw configError("the run has finished its budget; resume it with a larger one.", "steps");
  }
}

/** Return the names of the locks that are held, in whatever tab. */
async function locks(): Promise<Set<string>> {
  const { held = [] } = await navigator.locks.query();
  return new Set(held.map(({ name }) => name ?? ""));
}
