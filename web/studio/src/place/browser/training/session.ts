/** One run in its Worker: what is kept, and who is told. The loop itself is in loop.ts. */

import { configError, RecurraError, type ErrorKind } from "../../../../../kernel/src/errors.ts";
import type { Report } from "../../../../../kernel/src/contract.ts";
import type { Kernel } from "../../../../../kernel/src/kernel.ts";
import { writeModel, type ModelDocument } from "../../../../../kernel/src/model-file.ts";
import type { Training } from "../../../../../kernel/src/training.ts";
import type { Weights } from "../../../../../kernel/src/spec.ts";
import type { RunEntry, RunEvent } from "../../types.ts";
import {
  database,
  eventsFrom,
  save,
  type CheckpointRecord,
  type CorpusRecord,
  type RunRecord,
} from "../database.ts";
import { RUN_MODEL } from "../entries.ts";
import { describeEngine } from "../plan.ts";
import { readText } from "../reading.ts";
import { describeModel } from "../work/describe.ts";
import { build, describeTraining, measuresOf, type Measures } from "./building.ts";
import { channelOf, standings, type Command, type Message } from "./channel.ts";
import { freshProgress, Loop, type Host, type Reason } from "./loop.ts";

/** Shortest time between two messages to the watchers. */
const TELL_MS = 100;

const NOT_PAUSED = "This run is not paused, so it cannot take a single step.";

type Answer = Extract<Message, { kind: "answer" }>;

interface Best {
  weights: Weights;
  document: Record<string, unknown>;
}

/** Let messages in. `setTimeout` would wait 4 ms every time. */
const listen = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });

export class Session implements Host {
  paused = false;
  stopped = false;
  private readonly channel: BroadcastChannel;
  private readonly list = standings();
  private readonly calls: string[] = [];
  /** Calls for a single step each. */
  private readonly steps: string[] = [];
  /** Events that are not in the database yet, and those that nobody was told yet. */
  private unsaved: RunEvent[] = [];
  private untold = 0;
  private told = 0;
  private best_: Best | null = null;
  private loop: Loop | null = null;
  private training: Training | null = null;
  private measures: Measures = () => ({});
  private saved: CheckpointRecord | undefined;

  private constructor(
    private readonly record: RunRecord,
    private readonly corpus: CorpusRecord,
  ) {
    this.channel = channelOf(record.id);
    this.channel.onmessage = ({ data }: MessageEvent<Message>) => this.hear(data);
  }

  /**
   * Train a run to its end. Everything that goes wrong is told to the watchers and kept. `listening`
   * is called once commands are heard: what is told before is lost.
   */
  static async run(id: string, load: () => Promise<Kernel>, listening: () => void): Promise<void> {
    const db = await database();
    const record = await db.get("runs", id);
    if (!record) throw configError("there is no such run here; it may have been removed.");
    const corpus = await db.get("corpora", record.entry.corpus.id ?? "");
    const session = new Session(record, corpus!);
    listening();
    try {
      const bytes = corpus && (await db.get("texts", corpus.id));
      session.saved = await db.get("checkpoints", id);
      if (!corpus || !bytes || corpus.sha256 !== record.sha256) {
        throw configError(
          `the text of this run, ${record.entry.corpus.name}, is not here any more; bring it back, ` +
            "or train anew on another one.",
        );
      }
      await session.train(await load(), bytes);
    } catch (error) {
      await session.fail(error);
    } finally {
      session.channel.close();
      session.list.close();
    }
  }

  private async train(kernel: Kernel, bytes: Uint8Array): Promise<void> {
    const { record } = this;
    const text = readText(bytes, record.settings.text, this.corpus.name);
    const training = build(kernel, text, record, this.corpus, this.saved === undefined);
    this.training = training;
    const progress = this.saved?.progress ?? freshProgress();
    if (this.saved) training.resume(this.saved.training);
    progress.finished = null;
    this.measures = measuresOf(text);
    const loop = new Loop(kernel, training, record.settings, progress, this, this.measures);
    this.loop = loop;
    await this.rewind();
    const { train } = record.settings;
    this.entry({ status: "running", message: null, parameters: training.model.parameters });
    this.emit({
      event: "started",
      step: progress.step,
      steps: loop.budget.steps,
      seconds: train.seconds,
      elapsed_s: progress.elapsed_s,
      epoch: training.epoch,
      unit: record.settings.text.vocabulary === "bytes" ? "byte" : "character",
      parameters: training.model.parameters,
      engine: describeEngine(),
      outputs: training.model.vocabulary.size,
      run: null,
    });
    if (!this.saved) await loop.save();
    this.tell(true);
    const reason = await loop.run();
    await this.finish(loop, reason);
  }

  /** Forget the events after the checkpoint that is gone on from. */
  private async rewind(): Promise<void> {
    const { record } = this;
    const count = this.saved ? record.checkpoint_events : 0;
    const chunk = await (await database()).getAll("events", eventsFrom(record.id));
    if (count < record.events) {
      await save(["events", "runs"], async (transaction) => {
        const events = transaction.objectStore("events");
        for (const { run, first, events: list } of chunk) {
          if (first >= count) void events.delete([run, first]);
          else if (first + list.length > count) {
            void events.put({ run, first, events: list.slice(0, count - first) });
          }
        }
        record.events = count;
        void transaction.objectStore("runs").put(record);
      });
    }
    this.post({ kind: "rewound", count });
  }

  // What the loop asks of its host

  listen = listen;

  get asked(): boolean {
    return this.calls.length > 0;
  }

  get single(): boolean {
    return this.steps.length > 0;
  }

  stepped(): void {
    this.answer(this.steps.splice(0, 1));
  }

  emit(event: RunEvent): void {
    this.unsaved.push(event);
    this.untold += 1;
    const { entry } = this.record;
    if ("elapsed_s" in event) entry.elapsed_s = event.elapsed_s;
    if ("step" in event) entry.step = event.step;
    if (event.event === "validated" && event.best) entry.best_loss_nats = event.loss_nats;
    if (this.loop) entry.progress = this.loop.budget.shown(entry.step, entry.elapsed_s);
    // What says that something is kept is told once it is.
    if (event.event === "checkpointed" || event.event === "finished") return;
    this.tell(event.event !== "step");
  }

  best(report: Report | null): void {
    this.best_ = {
      weights: this.training!.model.network.weights(),
      document: this.describe(report),
    };
  }

  stand(status: "running" | "paused"): void {
    // What was asked of a pause that is over has nothing to wait for.
    if (status === "running") this.answer(this.steps.splice(0));
    this.entry({ status });
    void save(["runs"], (transaction) => {
      void transaction.objectStore("runs").put(this.record);
    }).catch(() => undefined); // how it stands is told by its lock too
  }

  /** Keep weights, optimiser, events and model, all or nothing; at the end, that it has ended. */
  async checkpoint(ended: Partial<RunEntry> = {}): Promise<void> {
    const { record, training, loop } = this;
    if (!training || !loop) return;
    const now = structuredClone(loop.now);
    if (now.step && now.best_step === null) this.best(null);
    const weights = training.checkpoint(now.elapsed_s);
    for (const [name, array] of weights.weights) {
      if (!array.every(Number.isFinite)) {
        throw new RecurraError(
          "NumericError",
          `the weight '${name}' stopped being finite by step ${now.step}; try a lower learning rate.`,
        );
      }
    }
    const checkpoint: CheckpointRecord = {
      run: record.id,
      training: weights,
      progress: now,
      document: this.describe(null),
    };
    const model = this.best_ && this.modelOf(this.best_);
    const events = [...this.unsaved];
    const first = record.events;
    const next: RunRecord = {
      ...record,
      events: first + events.length,
      checkpoint_events: first + events.length,
      entry: { ...record.entry, ...ended, model: model?.entry.id ?? record.entry.model },
    };
    await save(["checkpoints", "events", "runs", "models", "files"], (transaction) => {
      void transaction.objectStore("checkpoints").put(checkpoint);
      if (events.length) {
        void transaction.objectStore("events").put({ run: record.id, first, events });
      }
      void transaction.objectStore("runs").put(next);
      if (model) {
        void transaction.objectStore("models").put(model.entry);
        void transaction.objectStore("files").put(model.file, model.entry.id);
      }
    });
    this.saved = checkpoint;
    this.tell(true);
    this.unsaved.splice(0, events.length);
    record.events = next.events;
    record.checkpoint_events = next.checkpoint_events;
    record.entry.model = next.entry.model;
    if (model) this.best_ = null;
    this.answer(this.calls.splice(0));
  }

  // Parts

  private async finish(loop: Loop, reason: Reason): Promise<void> {
    const { now } = loop;
    loop.settleClock();
    this.emit({
      event: "finished",
      step: now.step,
      reason,
      elapsed_s: now.elapsed_s,
      best_loss_nats: now.best_loss,
      best_step: now.best_step,
    });
    const ended: Partial<RunEntry> =
      reason === "interrupted" ? { status: "interrupted" } : { status: "finished", progress: 1 };
    await this.checkpoint(ended);
    this.answer(this.steps.splice(0));
    this.entry(ended);
  }

  private async fail(error: unknown): Promise<void> {
    const { record } = this;
    let message = error instanceof Error ? error.message : String(error);
    if (this.saved?.progress.step) {
      message += ` The checkpoint of step ${this.saved.progress.step} stands; resume goes on from it.`;
    }
    const { step, elapsed_s } = record.entry;
    this.emit({ event: "failed", step, message, elapsed_s });
    const ended: Partial<RunEntry> = { status: "failed", message };
    // Where the storage is full there may be no room to say so; the lock's end tells the rest.
    await save(["events", "runs"], (transaction) => {
      const events = this.unsaved;
      void transaction.objectStore("events").put({ run: record.id, first: record.events, events });
      const kept = { ...record, events: record.events + events.length };
      void transaction.objectStore("runs").put({ ...kept, entry: { ...record.entry, ...ended } });
    }).catch(() => undefined);
    this.entry(ended);
    const kind: ErrorKind = error instanceof RecurraError ? error.kind : "ResourceError";
    this.answer([...this.calls.splice(0), ...this.steps.splice(0)], { kind, message });
    if (!(error instanceof RecurraError)) console.error(error);
  }

  /** Return what the model file says of the present weights. */
  private describe(report: Report | null): Record<string, unknown> {
    return describeTraining(this.training!, this.record.version, report, this.measures);
  }

  private modelOf({ weights, document }: Best) {
    const { id, entry } = this.record;
    const file = writeModel(weights, document as unknown as ModelDocument);
    const known = {
      id: RUN_MODEL + id,
      name: entry.name,
      created: entry.created,
      bytes: file.length,
      corpus: entry.corpus,
      run: id,
    };
    return { entry: describeModel(known, document), file };
  }

  // Messages

  private hear(message: Message): void {
    if (message.kind === "ask") {
      this.untold = this.unsaved.length;
      this.tell(true);
    }
    if (message.kind !== "command") return;
    this.obey(message.call, message.command, message.name);
  }

  private obey(call: string, command: Command, name: string | null): void {
    const rests = this.paused && this.record.entry.status === "paused";
    if (command === "save") {
      this.calls.push(call);
      // A pause has saved already, and the loop rests.
      if (rests && !this.single) this.answer(this.calls.splice(0));
      return;
    }
    if (command === "step") {
      if (rests && !this.stopped) this.steps.push(call);
      else this.answer([call], { kind: "ConfigError", message: NOT_PAUSED });
      return;
    }
    if (command === "rename") this.record.entry.name = name ?? this.record.entry.name;
    else if (command === "stop") this.stopped = true;
    else this.paused = command === "pause";
    this.post({ kind: "answer", call, error: null });
  }

  /** Change how the run stands, and tell it. */
  private entry(changes: Partial<RunEntry>): void {
    Object.assign(this.record.entry, changes);
    if (this.loop) {
      const { steps, seconds } = this.loop.budget;
      Object.assign(this.record.entry, { steps, seconds });
    }
    this.tell(true);
    this.post({ kind: "entry", entry: this.record.entry });
  }

  private tell(now: boolean): void {
    if (!now && performance.now() - this.told < TELL_MS) return;
    this.told = performance.now();
    if (!this.untold) return;
    const events = this.unsaved.slice(this.unsaved.length - this.untold);
    const first = this.record.events + this.unsaved.length - this.untold;
    this.untold = 0;
    this.post({ kind: "events", first, events, entry: this.record.entry });
  }

  private answer(calls: string[], error: Answer["error"] = null): void {
    for (const call of calls) this.post({ kind: "answer", call, error });
  }

  private post(message: Message): void {
    this.channel.postMessage(message);
    if ("entry" in message) this.list.postMessage(message.entry);
  }
}
