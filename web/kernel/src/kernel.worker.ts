/**
 * The script of the kernel's Worker: the page asks (protocol.ts), the kernel computes here.
 *
 * Calls are done one after the other, for there is one kernel; between two steps and between two
 * pieces of text it listens, so that what runs can be paused and stopped.
 */

import { configError, RecurraError, resourceError } from "./errors.ts";
import { choose, features, suitableThreads } from "./features.ts";
import { Kernel } from "./kernel.ts";
import type { Report } from "./contract.ts";
import { workerThreads } from "./pool.ts";
import type {
  CallName,
  Calls,
  Opened,
  Reply,
  Request,
  StartOptions,
  Started,
  TrainEvent,
} from "./protocol.ts";
import { TextModel } from "./text-model.ts";
import { Training } from "./training.ts";

/** Longest time between two looks at the messages, and between two progress messages. */
const LISTEN_MS = 20;
const TELL_MS = 100;

const models = new Map<number, TextModel>();
/** Signals to the calls that run or wait. */
const signals = new Map<number, { paused: boolean; stopped: boolean }>();
let kernel: Kernel | null = null;
let nextModel = 1;
let queue: Promise<void> = Promise.resolve();

const post = (reply: Reply, transfer: Transferable[] = []): void =>
  (postMessage as (message: Reply, transfer: Transferable[]) => void)(reply, transfer);

addEventListener("message", ({ data }: MessageEvent<Request>) => {
  if ("signal" in data) {
    const signal = signals.get(data.id);
    if (!signal) return;
    if (data.signal === "stop") signal.stopped = true;
    else signal.paused = data.signal === "pause";
    return;
  }
  signals.set(data.id, { paused: false, stopped: false });
  queue = queue.then(async () => {
    try {
      const returns = await handle(data.id, data.call, data.takes);
      const transfer = returns instanceof Uint8Array ? [returns.buffer] : [];
      post({ id: data.id, returns }, transfer);
    } catch (error) {
      const { kind, field } =
        error instanceof RecurraError ? error : { kind: "Error" as const, field: undefined };
      const message = error instanceof Error ? error.message : String(error);
      post({ id: data.id, error: { kind, message, field } });
    } finally {
      signals.delete(data.id);
    }
  });
});

async function handle<N extends CallName>(id: number, call: N, takes: unknown): Promise<unknown> {
  switch (call) {
    case "start":
      return start(takes as StartOptions);
    case "open": {
      const { bytes, name } = takes as Calls["open"]["takes"];
      return opened(TextModel.read(running(), bytes, name));
    }
    case "save":
      return find((takes as { model: number }).model).save();
    case "close": {
      const { model } = takes as { model: number };
      find(model).dispose();
      models.delete(model);
      return null;
    }
    case "train":
      return train(id, takes as Calls["train"]["takes"]);
    case "generate":
      return generate(id, takes as Calls["generate"]["takes"]);
    case "trace": {
      const { model, text } = takes as Calls["trace"]["takes"];
      return find(model).trace(text);
    }
    default:
      throw configError(`there is no call '${String(call)}'.`);
  }
}

async function start(options: StartOptions): Promise<Started> {
  const found = features();
  const wanted = options.threads ?? suitableThreads(found);
  const threads = options.thread ? wanted : 1;
  const name = options.module ?? choose(found, threads);
  if (!name) {
    throw resourceError(
      "this browser does not run WebAssembly SIMD, which the kernel needs; a newer one does.",
    );
  }
  const response = await fetch(options.modules[name]);
  if (!response.ok) {
    throw resourceError(`the kernel could not be loaded: the server answered ${response.status}.`);
  }
  const code = await response.arrayBuffer();
  kernel?.close();
  models.clear();
  const several =
    name === "threads" && options.thread ? { threads, spawn: workerThreads(options.thread) } : {};
  kernel = await Kernel.load(name, code, several);
  return { module: name, threads: kernel.threads };
}

function running(): Kernel {
  if (!kernel) throw resourceError("the kernel has not been started.");
  return kernel;
}

function find(model: number): TextModel {
  const found = models.get(model);
  if (!found) throw configError(`there is no model ${model}; it was closed.`);
  return found;
}

function opened(model: TextModel): Opened {
  const number = nextModel++;
  models.set(number, model);
  return { model: number, document: model.document, parameters: model.parameters };
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

async function train(
  id: number,
  request: Calls["train"]["takes"],
): Promise<Calls["train"]["returns"]> {
  const { text, options, source, resume, checkpoint_seconds: every } = request;
  const tell = (tells: TrainEvent): void => post({ id, tells });
  const signal = signals.get(id)!;
  const training = new Training(running(), text, options, source);
  if (resume) training.resume(resume);
  const info = opened(training.model);
  const { steps, model } = training;
  tell({
    event: "started",
    steps,
    seconds: options.seconds ?? null,
    parameters: info.parameters,
    model: info.model,
    outputs: model.vocabulary.size,
  });
  let elapsed = resume?.elapsed_s ?? 0;
  let clock = performance.now();
  let [listened, told, saved] = [clock, clock, clock];
  let validated: { step: number; report: Report } | null = null;
  let validations = 0;
  let sums = emptySums();
  const tick = (): number => {
    const now = performance.now();
    elapsed += (now - clock) / 1000;
    clock = now;
    return now;
  };
  const validate = async (): Promise<void> => {
    let report: Report | null = null;
    for (report of training.validate())
      if (performance.now() - listened > LISTEN_MS) {
        await listen();
        listened = performance.now();
      }
    tick();
    validations += 1;
    if (!report) return;
    validated = { step: training.step_count, report };
    tell({ event: "validated", step: training.step_count, elapsed_s: elapsed, report });
  };
  const flush = (progress: number, now: number): void => {
    if (!sums.steps) return;
    const mean = (sum: number): number => sum / sums.steps;
    tell({
      event: "step",
      step: training.step_count,
      epoch: training.epoch,
      progress,
      learning_rate: sums.rate,
      elapsed_s: elapsed,
      tokens_per_second: sums.tokens / sums.seconds,
      loss_nats: mean(sums.loss),
      accuracy: mean(sums.accuracy),
      mean_posterior: mean(sums.posterior),
      gradient_norm: mean(sums.norm),
    });
    sums = emptySums();
    told = now;
  };
  const isDue = (): boolean => {
    if (request.validate_every !== undefined) {
      return request.validate_every > 0 && training.step_count % request.validate_every === 0;
    }
    return training.progress(elapsed) * 20 >= validations + 1;
  };
  while (!signal.stopped && !training.isSpent(elapsed)) {
    const began = performance.now();
    const step = training.step(elapsed);
    const now = tick();
    sums.steps += 1;
    sums.seconds += (now - began) / 1000;
    sums.tokens += step.tokens;
    sums.rate = step.learning_rate;
    sums.loss += step.report.loss_nats;
    sums.accuracy += step.report.accuracy;
    sums.posterior += step.report.mean_posterior;
    sums.norm += step.report.gradient_norm;
    const progress = Math.min(1, training.progress(elapsed));
    if (now - told > TELL_MS || training.isSpent(elapsed)) flush(progress, now);
    if (isDue()) await validate();
    if (every !== undefined && now - saved > 1000 * every) {
      tell({ event: "checkpointed", checkpoint: training.checkpoint(elapsed) });
      saved = now;
    }
    if (now - listened > LISTEN_MS) {
      await listen();
      listened = performance.now();
    }
    if (signal.paused && !signal.stopped) {
      flush(progress, now);
      tell({ event: "paused", step: training.step_count });
      while (signal.paused && !signal.stopped)
        await new Promise((resolve) => setTimeout(resolve, 20));
      tell({ event: "resumed", step: training.step_count });
      clock = performance.now();
    }
  }
  flush(Math.min(1, training.progress(elapsed)), performance.now());
  const reason = signal.stopped ? "stopped" : "budget";
  const last = validated as { step: number; report: Report } | null;
  if (last?.step !== training.step_count && request.validate_every !== 0) await validate();
  const report = (validated as { report: Report } | null)?.report ?? null;
  const { name, threads } = running();
  training.record(elapsed, report, `browser, WebAssembly ${name}, threads: ${threads}`);
  if (every !== undefined) {
    tell({ event: "checkpointed", checkpoint: training.checkpoint(elapsed) });
  }
  return {
    ...info,
    document: training.model.document,
    step: training.step_count,
    elapsed_s: elapsed,
    reason,
    held_out: report,
  };
}

const emptySums = () => ({
  steps: 0,
  seconds: 0,
  tokens: 0,
  rate: 0,
  loss: 0,
  accuracy: 0,
  posterior: 0,
  norm: 0,
});

async function generate(id: number, takes: Calls["generate"]["takes"]): Promise<null> {
  const { model, ...options } = takes;
  const signal = signals.get(id)!;
  for (const piece of find(model).generate(options)) {
    post({ id, tells: piece });
    await listen();
    while (signal.paused && !signal.stopped)
      await new Promise((resolve) => setTimeout(resolve, 20));
    if (signal.stopped) break;
  }
  return null;
}
