/** jax-js's side: the same many-to-many network, its steps unrolled, for it has no scan. */
import {
  blockUntilReady,
  defaultDevice,
  init,
  jit,
  nn,
  numpy as np,
  tree,
  valueAndGrad,
  type Array as JaxArray,
} from "@jax-js/jax";

interface Params {
  layers: { w: JaxArray; b: JaxArray }[];
  out: JaxArray;
}

const random = (rows: number, columns: number): JaxArray => {
  const bound = 1 / Math.sqrt(columns / 4);
  const values = Float32Array.from(
    { length: rows * columns },
    () => bound * (2 * Math.random() - 1),
  );
  return np.array(values).reshape([rows, columns]);
};

function oneHot(tokens: Int32Array, vocabulary: number, shape: number[]): JaxArray {
  const values = new Float32Array(tokens.length * vocabulary);
  tokens.forEach((token, n) => (values[n * vocabulary + token] = 1));
  return np.array(values).reshape([...shape, vocabulary]);
}

interface Prepared {
  step(): Promise<void>;
  compile_s: number;
}

const prepared = new Map<string, Promise<Prepared>>();

async function prepare(
  sizes: number[],
  vocabulary: number,
  batch: number,
  window: number,
  device: "wasm" | "webgpu",
): Promise<Prepared> {
  if (!(await init(device)).includes(device)) throw new Error(`jax-js has no ${device} here`);
  defaultDevice(device);
  const loss = (params: Params, x: JaxArray, y: JaxArray): JaxArray => {
    const state = sizes.map((units) => ({
      h: np.zeros([batch, units]),
      c: np.zeros([batch, units]),
    }));
    let total = np.array(0);
    for (let t = 0; t < window; t++) {
      let input = x.ref.slice(t);
      sizes.forEach((units, k) => {
        const { w, b } = params.layers[k]!;
        const both = np.concatenate([input, state[k]!.h], 1);
        const z = np.add(np.matmul(both, w.ref), b.ref);
        const part = (n: number): JaxArray => z.ref.slice([], [n * units, (n + 1) * units]);
        const [i, f, o] = [nn.sigmoid(part(0)), nn.sigmoid(part(1)), nn.sigmoid(part(3))];
        const g = np.tanh(part(2));
        z.dispose();
        const c = f.mul(state[k]!.c).add(i.mul(g));
        state[k]!.c = c.ref;
        input = o.mul(np.tanh(c));
        state[k]!.h = input.ref;
      });
      const log_probs = nn.logSoftmax(np.matmul(input, params.out.ref), -1);
      total = total.sub(log_probs.mul(y.ref.slice(t)).sum());
    }
    return total.div(window * batch);
  };
  const learn = jit((params: Params, x: JaxArray, y: JaxArray) => {
    const [, slope] = valueAndGrad(loss as never)(params as never, x as never, y as never);
    return slope;
  });
  let params: Params = {
    layers: sizes.map((units, k) => ({
      w: random((k ? sizes[k - 1]! : vocabulary) + units, 4 * units),
      b: np.zeros([4 * units]),
    })),
    out: random(sizes.at(-1)!, vocabulary),
  };
  const tokens = Int32Array.from(
    { length: window * batch },
    (_, n) => (n * 31 + (n >> 3)) % vocabulary,
  );
  const x = oneHot(tokens, vocabulary, [window, batch]);
  const y = oneHot(
    tokens.map((token) => (token + 1) % vocabulary),
    vocabulary,
    [window, batch],
  );
  const step = async (): Promise<void> => {
    const slope = learn(tree.ref(params as never), x.ref, y.ref);
    // Plain gradient descent: less work than Recurra's AdamW.
    params = tree.map(
      (weight: JaxArray, by: JaxArray) => weight.sub(by.mul(0.1)),
      params as never,
      slope as never,
    ) as Params;
    await blockUntilReady(params as never);
  };
  const began = performance.now();
  await step();
  const compile_s = (performance.now() - began) / 1000;
  await step();
  return { step, compile_s };
}

/** Return trained characters a second; compiling, which is done once, is told apart. */
export async function train(
  sizes: number[],
  vocabulary: number,
  batch: number,
  window: number,
  steps: number,
  device: "wasm" | "webgpu" = "wasm",
): Promise<{ rate: number; compile_s: number }> {
  const key = JSON.stringify([sizes, vocabulary, batch, window, device]);
  if (!prepared.has(key)) prepared.set(key, prepare(sizes, vocabulary, batch, window, device));
  const { step, compile_s } = await prepared.get(key)!;
  defaultDevice(device);
  const began = performance.now();
  for (let n = 0; n < steps; n++) await step();
  return { rate: (steps * batch * window * 1000) / (performance.now() - began), compile_s };
}
