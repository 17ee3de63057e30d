/** The page's side of the kernel's Worker: calls that return promises, and tell on the way. */

import { RecurraError, type ErrorKind } from "./errors.ts";
import type {
  CallName,
  Calls,
  Opened,
  Reply,
  Started,
  StartOptions,
  TrainEvent,
  Trained,
  TrainRequest,
} from "./protocol.ts";
import type { GenerateOptions, Piece, TextTrace } from "./text-model.ts";

/** A call that runs: its result, and ways to hold it. */
export interface Running<T> {
  result: Promise<T>;
  pause(): void;
  resume(): void;
  /** Ask it to end early; `result` then is what there is by then. */
  stop(): void;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
  tell: ((value: never) => void) | undefined;
}

export class KernelClient {
  private readonly waiting = new Map<number, Waiting>();
  private next = 1;

  private constructor(private readonly worker: Worker) {
    worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => this.receive(data));
    worker.addEventListener("error", (event) => {
      const error = new RecurraError(
        "ResourceError",
        `the kernel's Worker failed: ${event.message}.`,
      );
      for (const { reject } of this.waiting.values()) reject(error);
      this.waiting.clear();
    });
  }

  /** Start a Worker from its script and the kernel in it. */
  static async start(
    script: string | URL,
    options: StartOptions,
  ): Promise<{ client: KernelClient; started: Started }> {
    const client = new KernelClient(new Worker(script, { type: "module" }));
    return { client, started: await client.call("start", options).result };
  }

  open(bytes: Uint8Array, name?: string): Promise<Opened> {
    return this.call("open", name === undefined ? { bytes } : { bytes, name }).result;
  }

  /** Return the bytes of a model's file. */
  save(model: number): Promise<Uint8Array<ArrayBuffer>> {
    return this.call("save", { model }).result;
  }

  close(model: number): Promise<null> {
    return this.call("close", { model }).result;
  }

  train(request: TrainRequest, tell: (event: TrainEvent) => void): Running<Trained> {
    return this.call("train", request, tell);
  }

  /** Write text; `tell` gets each piece as it is drawn. */
  generate(model: number, options: GenerateOptions, tell: (piece: Piece) => void): Running<null> {
    return this.call("generate", { model, ...options }, tell);
  }

  trace(model: number, text: string): Promise<TextTrace> {
    return this.call("trace", { model, text }).result;
  }

  /** End the Worker and whatever it does. */
  terminate(): void {
    this.worker.terminate();
    const error = new RecurraError("ResourceError", "the kernel was ended.");
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }

  private call<N extends CallName>(
    call: N,
    takes: Calls[N]["takes"],
    tell?: (value: Calls[N]["tells"]) => void,
  ): Running<Calls[N]["returns"]> {
    const id = this.next++;
    const result = new Promise<Calls[N]["returns"]>((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as (value: unknown) => void, reject, tell });
    });
    this.worker.postMessage({ id, call, takes });
    const send = (signal: "pause" | "resume" | "stop") => (): void =>
      this.worker.postMessage({ id, signal });
    return { result, pause: send("pause"), resume: send("resume"), stop: send("stop") };
  }

  private receive(reply: Reply): void {
    const waiting = this.waiting.get(reply.id);
    if (!waiting) return;
    if ("tells" in reply) {
      waiting.tell?.(reply.tells as never);
      return;
    }
    this.waiting.delete(reply.id);
    if ("returns" in reply) waiting.resolve(reply.returns);
    else {
      const { kind, message, field } = reply.error;
      waiting.reject(
        kind === "Error" ? new Error(message) : new RecurraError(kind as ErrorKind, message, field),
      );
    }
  }
}
