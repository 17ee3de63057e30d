/** What the browser tests call from outside: window.recurra. */
import {
  choose,
  features,
  KernelClient,
  type GenerateOptions,
  type ModuleName,
  type StartOptions,
  type TrainEvent,
  type TrainRequest,
} from "../src/index.ts";

const MODULES = {
  simd: "recurra-simd.wasm",
  relaxed: "recurra-relaxed.wasm",
  threads: "recurra-threads.wasm",
};
let client: KernelClient | null = null;

function check(module: ModuleName, threads: number, golden: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const worker = new Worker("check.worker.js", { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<{ error?: string }>) => {
      worker.terminate();
      if (data.error) reject(new Error(data.error));
      else
        resolve(JSON.parse(JSON.stringify(data, (_, v: unknown) => (v === Infinity ? "inf" : v))));
    };
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage({ module, threads, golden });
  });
}

async function start(options: Partial<StartOptions> = {}): Promise<unknown> {
  client?.terminate();
  const made = await KernelClient.start("kernel.worker.js", {
    modules: MODULES,
    thread: "thread.worker.js",
    ...options,
  });
  client = made.client;
  return made.started;
}

const base64 = (bytes: Uint8Array): string => {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
};

async function open(data: string, name: string): Promise<unknown> {
  return client!.open(
    Uint8Array.from(atob(data), (c) => c.charCodeAt(0)),
    name,
  );
}

async function write(model: number, options: GenerateOptions): Promise<unknown> {
  let [text, pieces] = ["", 0];
  await client!.generate(model, options, (piece) => {
    text += piece.text;
    pieces += 1;
  }).result;
  return { text, pieces };
}

/** Train; after `after` steps pause for a while, or stop, as `signal` says. */
async function train(
  request: TrainRequest,
  signal?: { after: number; pause_ms?: number; stop?: boolean },
): Promise<unknown> {
  const events: TrainEvent[] = [];
  let done = false;
  let quiet = 0;
  const running = client!.train(request, (event) => {
    events.push(event);
    if (event.event !== "step" || !signal || done || event.step < signal.after) return;
    done = true;
    if (signal.stop) running.stop();
    if (signal.pause_ms === undefined) return;
    running.pause();
    setTimeout(() => {
      quiet = events.length;
      running.resume();
    }, signal.pause_ms);
  });
  const result = await running.result;
  const told = events.map((event) =>
    event.event === "checkpointed" ? { event: event.event, step: event.checkpoint.step } : event,
  );
  lastCheckpoint = events.filter((event) => event.event === "checkpointed").at(-1)?.checkpoint;
  return { result, events: told, quiet };
}

let lastCheckpoint: TrainRequest["resume"];

Object.assign(window, {
  recurra: {
    check,
    start,
    open,
    write,
    train,
    resumeLast: (request: TrainRequest) => train({ ...request, resume: lastCheckpoint! }),
    features: () => ({ ...features(), choice: choose(features(), 2) }),
    save: async (model: number) => base64(await client!.save(model)),
    trace: async (model: number, text: string) => {
      const { tokens, arrays, log_probs } = await client!.trace(model, text);
      const plain = Object.fromEntries([...arrays].map(([name, array]) => [name, [...array]]));
      return { tokens, arrays: plain, log_probs: [...log_probs] };
    },
    refused: async (data: string) => {
      try {
        await open(data, "the file");
        return null;
      } catch (error) {
        return { name: (error as Error).name, message: (error as Error).message };
      }
    },
  },
});
