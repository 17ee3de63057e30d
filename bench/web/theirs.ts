/** TensorFlow.js's side: the same many-to-many network, on one of its CPU backends, in the page. */
import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-webgpu";
import { setThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";

let prepared = false;

/** Choose a backend. The number of threads counts only before wasm is first used. */
export async function useBackend(
  backend: "cpu" | "wasm" | "webgl" | "webgpu",
  threads: number,
): Promise<void> {
  if (!prepared) {
    setWasmPaths("tfjs/");
    if (threads > 1) setThreadsCount(threads);
    else tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", false);
    prepared = true;
  }
  if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js has no backend ${backend}`);
  await tf.ready();
}

function build(
  sizes: number[],
  vocabulary: number,
  batch: number,
  time: number,
  stateful: boolean,
) {
  const model = tf.sequential();
  sizes.forEach((units, k) =>
    model.add(
      tf.layers.lstm({
        units,
        returnSequences: true,
        stateful,
        ...(k ? {} : { batchInputShape: [batch, time, vocabulary] }),
      }),
    ),
  );
  model.add(tf.layers.dense({ units: vocabulary, activation: "softmax" }));
  return model;
}

/** Return trained characters a second over `steps` steps, after one that is not counted. */
export async function train(
  sizes: number[],
  vocabulary: number,
  batch: number,
  window: number,
  steps: number,
): Promise<number> {
  const model = build(sizes, vocabulary, batch, window, false);
  model.compile({ optimizer: tf.train.adam(1e-3), loss: "categoricalCrossentropy" });
  const tokens = Int32Array.from(
    { length: batch * window },
    (_, n) => (n * 31 + (n >> 3)) % vocabulary,
  );
  const x = tf.oneHot(tf.tensor2d(tokens, [batch, window], "int32"), vocabulary).toFloat();
  const y = tf
    .oneHot(
      tf.tensor2d(
        tokens.map((t) => (t + 1) % vocabulary),
        [batch, window],
        "int32",
      ),
      vocabulary,
    )
    .toFloat();
  await model.trainOnBatch(x, y);
  const began = performance.now();
  for (let step = 0; step < steps; step++) await model.trainOnBatch(x, y);
  const rate = (steps * batch * window * 1000) / (performance.now() - began);
  tf.dispose([x, y]);
  model.dispose();
  return rate;
}

/** Return written characters a second: one stateful step and one draw at a time. */
export async function generate(
  sizes: number[],
  vocabulary: number,
  count: number,
): Promise<number> {
  const model = build(sizes, vocabulary, 1, 1, true);
  let token = 0;
  const write = async (): Promise<void> => {
    const probs = tf.tidy(() => {
      const x = tf.oneHot(tf.tensor2d([[token]], [1, 1], "int32"), vocabulary).toFloat();
      return (model.predict(x) as tf.Tensor).flatten();
    });
    const data = await probs.data();
    probs.dispose();
    let draw = Math.random();
    token = data.findIndex((p) => (draw -= p) < 0);
    if (token < 0) token = vocabulary - 1;
  };
  for (let k = 0; k < 5; k++) await write();
  const began = performance.now();
  for (let k = 0; k < count; k++) await write();
  const rate = (count * 1000) / (performance.now() - began);
  model.dispose();
  return rate;
}

/**
 * TensorFlow.js's own text-generation example (tfjs-examples/lstm-text-generation): one LSTM layer,
 * windows of characters as one-hot vectors, the loss of the last position alone, RMSprop 0.01.
 *
 * Returns windows a second. The examples are made beforehand: only `fit` is measured.
 */
export async function trainExample(
  units: number,
  vocabulary: number,
  batch: number,
  window: number,
  steps: number,
): Promise<number> {
  const model = example(units, vocabulary, window);
  model.compile({ optimizer: tf.train.rmsprop(0.01), loss: "categoricalCrossentropy" });
  const tokens = Int32Array.from(
    { length: batch * window },
    (_, n) => (n * 31 + (n >> 3)) % vocabulary,
  );
  const x = tf.oneHot(tf.tensor2d(tokens, [batch, window], "int32"), vocabulary).toFloat();
  const last = tokens.filter((_, n) => n % window === window - 1);
  const y = tf.oneHot(tf.tensor1d(last, "int32"), vocabulary).toFloat();
  await model.trainOnBatch(x, y);
  const began = performance.now();
  for (let step = 0; step < steps; step++) await model.trainOnBatch(x, y);
  const rate = (steps * batch * 1000) / (performance.now() - began);
  tf.dispose([x, y]);
  model.dispose();
  return rate;
}

/** Return the characters a second that the example writes: it reads a whole window for each. */
export async function generateExample(
  units: number,
  vocabulary: number,
  window: number,
  count: number,
): Promise<number> {
  const model = example(units, vocabulary, window);
  const read = Array.from({ length: window }, (_, n) => n % vocabulary);
  const write = async (): Promise<void> => {
    const probs = tf.tidy(() => {
      const x = tf.oneHot(tf.tensor2d([read], [1, window], "int32"), vocabulary).toFloat();
      return (model.predict(x) as tf.Tensor).flatten();
    });
    const data = await probs.data();
    probs.dispose();
    let draw = Math.random();
    const token = data.findIndex((p) => (draw -= p) < 0);
    read.shift();
    read.push(token < 0 ? vocabulary - 1 : token);
  };
  for (let k = 0; k < 5; k++) await write();
  const began = performance.now();
  for (let k = 0; k < count; k++) await write();
  const rate = (count * 1000) / (performance.now() - began);
  model.dispose();
  return rate;
}

function example(units: number, vocabulary: number, window: number) {
  const model = tf.sequential();
  model.add(tf.layers.lstm({ units, inputShape: [window, vocabulary] }));
  model.add(tf.layers.dense({ units: vocabulary, activation: "softmax" }));
  return model;
}
