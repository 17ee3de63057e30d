/** The kernel's side of the comparison: train and write as fast as it goes, and say how fast. */
import {
  initialise,
  Kernel,
  Network,
  parseSpec,
  type ModuleName,
  type Spec,
} from "../../web/kernel/src/index.ts";
import { workerThreads } from "../../web/kernel/src/pool.ts";

export interface Ask {
  module: ModuleName;
  threads: number;
  what: "train" | "generate";
  sizes: number[];
  batch: number;
  window: number;
  vocabulary: number;
  seconds: number;
}

let kernel: Kernel | null = null;

function spec({ vocabulary, sizes }: Ask): Spec {
  return parseSpec({
    input: { kind: "one_hot", vocabulary_size: vocabulary },
    stack: { sizes, cell: {} },
    head: { kind: "softmax", vocabulary_size: vocabulary },
  });
}

addEventListener("message", ({ data }: MessageEvent<Ask>) => {
  void (async () => {
    if (!kernel) {
      const code = await (await fetch(`recurra-${data.module}.wasm`)).arrayBuffer();
      const spawn = workerThreads("thread.worker.js");
      kernel = await Kernel.load(data.module, code, { threads: data.threads, spawn });
    }
    const described = spec(data);
    const network = new Network(kernel, described, initialise(kernel, described, 1));
    const rate = data.what === "train" ? train(network, data) : generate(network, data);
    network.dispose();
    postMessage({ rate });
  })().catch((error: Error) => postMessage({ error: error.stack }));
});

/** Return trained characters a second. */
function train(network: Network, { batch, window, vocabulary, seconds }: Ask): number {
  const text = Int32Array.from(
    { length: (window + 1) * batch },
    (_, n) => (n * 31 + (n >> 3)) % vocabulary,
  );
  const one = {
    time: window,
    batch,
    inputs: text.subarray(0, window * batch),
    targets: text.subarray(batch),
  };
  let state = network.zeroState(batch);
  let step = 0;
  const learn = (): void => {
    state = network.trainStep(one, state, { learning_rate: 1e-3, step: step++, seed: 1 }).state;
  };
  for (let k = 0; k < 3; k++) learn(); // the browser's second compiler needs a moment
  const began = performance.now();
  const before = step;
  while (performance.now() - began < 1000 * seconds) learn();
  return ((step - before) * window * batch * 1000) / (performance.now() - began);
}

/** Return written characters a second, one sequence. */
function generate(network: Network, { seconds }: Ask): number {
  let state = network.zeroState(1);
  let [token, written] = [0, 0];
  const write = (): void => {
    const drawn = network.generate([token], state, 256, {}, { seed: 1, start: written });
    state = drawn.state;
    token = drawn.tokens.at(-1)!;
    written += 256;
  };
  for (let k = 0; k < 4; k++) write();
  const [began, before] = [performance.now(), written];
  while (performance.now() - began < 1000 * seconds) write();
  return ((written - before) * 1000) / (performance.now() - began);
}
