/** What needs no golden case: memory, vocabularies, hostile files, settings. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { choose } from "../src/features.ts";
import { Arena } from "../src/memory.ts";
import { readModel, writeModel } from "../src/model-file.ts";
import { sampling } from "../src/options.ts";
import { parameterShapes, parseSpec, type Weights } from "../src/spec.ts";
import { learningRate } from "../src/train-options.ts";
import { cuts } from "../src/training.ts";
import { ByteVocabulary, CharacterVocabulary, vocabularyFromDocument } from "../src/vocabulary.ts";

const CELL = {};
const SPEC = {
  input: { kind: "embedding", vocabulary_size: 5, size: 3 },
  stack: { sizes: [4], cell: CELL, dropout: 0, recurrent_dropout: 0, residual: false },
  head: { kind: "softmax", vocabulary_size: 5, tied: false },
};
const DOCUMENT = { spec: SPEC, task: { kind: "text" }, provenance: {} };

function someWeights(): Weights {
  const weights: Weights = new Map();
  let value = 0;
  for (const [name, shape] of parameterShapes(parseSpec(SPEC))) {
    weights.set(
      name,
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => (value += 0.25)),
    );
  }
  return weights;
}

test("memory that was given back is zero again and joins its neighbours", () => {
  const arena = new Arena(new WebAssembly.Memory({ initial: 1 }), 1000);
  const [a, b, c] = [arena.allocate(100), arena.allocate(100), arena.allocate(1)];
  assert.equal(a % 64, 0);
  arena.bytes(a, 100).fill(7);
  arena.free(a);
  arena.free(b);
  const again = arena.allocate(256);
  assert.equal(again, a);
  assert.ok(arena.bytes(again, 256).every((value) => value === 0));
  arena.free(c);
  arena.free(again);
  assert.equal(arena.used, 0);
  assert.equal(arena.allocate(10), a);
  assert.throws(() => arena.free(a + 64), TypeError);
});

test("memory grows, and says so in a sentence when it cannot", () => {
  const arena = new Arena(new WebAssembly.Memory({ initial: 1, maximum: 3 }), 0);
  const at = arena.allocate(150_000);
  arena.bytes(at, 150_000).fill(1);
  assert.throws(() => arena.allocate(100_000), { name: "ResourceError", message: /MB/ });
});

test("characters are code points in their order, and unknown ones are told", () => {
  const known = new CharacterVocabulary("hello, \u{1F600} wörld");
  assert.equal(known.characters, " ,dehlorwö\u{1F600}");
  assert.equal(known.decode(known.encode("wör\u{1F600}ld")), "wör\u{1F600}ld");
  assert.throws(() => known.encode("ab\nxX"), {
    name: "ConfigError",
    message: /"a" \(U\+0061, line 1\)/,
  });
  const replacing = new CharacterVocabulary("abc", true, "replace");
  assert.deepEqual([...replacing.encode("axb")], [0, 3, 1]);
  assert.equal(replacing.decode([0, 3]), "a\ufffd");
  assert.deepEqual(vocabularyFromDocument(replacing.toDocument()), replacing);
});

test("bytes come out as characters once these are whole", () => {
  const bytes = new ByteVocabulary();
  const decoder = bytes.decoder();
  assert.deepEqual(
    [...bytes.encode("é!")].map((token) => decoder.feed(token)),
    ["", "é", "!"],
  );
  decoder.feed(0xc3);
  assert.equal(decoder.flush(), "\ufffd");
});

test("a damaged vocabulary is refused", () => {
  const whole = { kind: "characters", characters: "ab", unknown: false, policy: "refuse" };
  for (const change of [
    { characters: "ba" },
    { characters: 3 },
    { policy: "x" },
    { kind: "runes" },
  ]) {
    assert.throws(() => vocabularyFromDocument({ ...whole, ...change }), { name: "FormatError" });
  }
  assert.throws(() => vocabularyFromDocument(null), { name: "FormatError" });
});

test("a model file comes back as it was written", () => {
  const bytes = writeModel(someWeights(), DOCUMENT);
  const { weights, document } = readModel(bytes);
  assert.deepEqual([...weights], [...someWeights()]);
  assert.deepEqual(document, { ...DOCUMENT, format_version: 1 });
  assert.equal(new DataView(bytes.buffer).getUint32(0, true) % 8, 0);
});

/** Return a file whose header says what `change` makes of it. */
function changed(change: (header: Record<string, any>) => void, more = 0): Uint8Array {
  const bytes = writeModel(someWeights(), DOCUMENT);
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.slice(8, 8 + length)));
  change(header);
  const head = new TextEncoder().encode(JSON.stringify(header));
  const out = new Uint8Array(8 + head.length + bytes.length - 8 - length + more);
  new DataView(out.buffer).setUint32(0, head.length, true);
  out.set(head, 8);
  out.set(bytes.subarray(8 + length), 8 + head.length);
  return out;
}

const rewrite = (header: Record<string, any>, change: (document: any) => void): void => {
  const document = JSON.parse(header.__metadata__.recurra);
  change(document);
  header.__metadata__.recurra = JSON.stringify(document);
};

const HOSTILE: Record<string, [Uint8Array, RegExp]> = {
  "an empty file": [new Uint8Array(), /fewer than 8/],
  "a header that claims 2^60 bytes": [Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 16, 1), /claims/],
  "a file that was cut short": [writeModel(someWeights(), DOCUMENT).slice(0, -1), /arrays take/],
  "bytes behind the arrays": [changed(() => undefined, 5), /arrays take/],
  "no JSON": [Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 123, 123), /not JSON/],
  "no document": [changed((header) => delete header.__metadata__), /not Recurra's/],
  "a negative size": [changed((h) => (h["head.bias"].shape = [-5])), /shape or place/],
  "a shape that overflows": [
    changed((h) => (h["head.bias"].shape = [2 ** 40, 2 ** 40])),
    /has 20 bytes/,
  ],
  "an overlap": [changed((h) => (h["head.bias"].data_offsets = [0, 20])), /begin/],
  "half precision": [changed((h) => (h["head.bias"].dtype = "F16")), /F16/],
  "a number format without a name": [
    changed((h) => (h["head.bias"].dtype = "toString")),
    /toString/,
  ],
  "a later version": [changed((h) => rewrite(h, (d) => (d.format_version = 2))), /version 2/],
  "a version that is no number": [
    changed((h) => rewrite(h, (d) => (d.format_version = true))),
    /true/,
  ],
  "no spec": [changed((h) => rewrite(h, (d) => delete d.spec)), /'spec'/],
  "more units than weights": [
    changed((h) => rewrite(h, (d) => (d.spec.stack.sizes = [4000]))),
    /needs/,
  ],
  "no units": [changed((h) => rewrite(h, (d) => (d.spec.stack.sizes = [0]))), /sizes is 0/],
  "an unknown setting": [
    changed((h) => rewrite(h, (d) => (d.spec.stack.cell.mogrify = 1))),
    /mogrify/,
  ],
  "a weight too few": [
    changed((h) => {
      h.other = h["head.bias"];
      delete h["head.bias"];
    }),
    /lack 'head.bias'/,
  ],
};

for (const [name, [bytes, message]] of Object.entries(HOSTILE)) {
  test(`a file is refused: ${name}`, () => {
    assert.throws(
      () => readModel(bytes, "x.safetensors"),
      (error: Error) => {
        assert.equal(error.name, "FormatError", error.stack);
        assert.match(error.message, /^x\.safetensors/);
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

test("PyTorch's second bias is added in", () => {
  const bytes = changed((header) => {
    const first = header["bias_ih_l0"].data_offsets;
    header["bias_ih_l0"].data_offsets = header["bias_hh_l0"].data_offsets;
    header["bias_hh_l0"].data_offsets = first;
  });
  assert.deepEqual(readModel(bytes).weights.get("bias_ih_l0"), someWeights().get("bias_ih_l0"));
});

test("the splits are cut as Python cuts them", () => {
  assert.deepEqual(cuts(1000, 0.05, 0.05), [900, 950]);
  assert.deepEqual(cuts(10, 0.25, 0.5), [2, 5]); // 2.5 rounds to the even number
  assert.deepEqual(cuts(14, 0.25, 0.5), [4, 7]); // and so does 3.5
});

test("the learning rate rises and falls", () => {
  const how = { schedule: "cosine", learning_rate: 1, warmup: 0.1, final_learning_rate: 0.01 };
  assert.equal(learningRate(0.05, how), 0.5);
  assert.equal(learningRate(0.1, how), 1);
  assert.ok(Math.abs(learningRate(0.55, how) - 0.505) < 1e-12);
  assert.ok(Math.abs(learningRate(2, how) - 0.01) < 1e-12);
});

test("settings out of their range are told", () => {
  assert.throws(() => sampling({ top_p: 0 }), { name: "ConfigError", field: "top_p" });
  assert.throws(() => sampling({ temperature: NaN }), {
    name: "ConfigError",
    field: "temperature",
  });
});

test("the module is the fastest that can run", () => {
  assert.equal(choose({ simd: true, relaxed: true, threads: true }, 2), "threads");
  assert.equal(choose({ simd: true, relaxed: true, threads: true }, 1), "relaxed");
  assert.equal(choose({ simd: true, relaxed: true, threads: false }, 2), "relaxed");
  assert.equal(choose({ simd: true, relaxed: false, threads: true }, 2), "simd");
  assert.equal(choose({ simd: false, relaxed: false, threads: true }, 2), null);
});
