/** What the Write and Inside screens compute by themselves: layout, colours, takes, questions to a trace. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bounds, nearest, tickLabel, ticks } from "../src/canvas/axis.ts";
import { Layout } from "../src/canvas/layout.ts";
import { percent, shown, signed, steps } from "../src/canvas/numbers.ts";
import { bounded, fill, tickDistance, zoomed } from "../src/canvas/raster.ts";
import { type ScaleName, type Theme, contrast, scale, stepOf } from "../src/canvas/scales.ts";
import type { TraceAnswer, UnitFacts } from "../src/place/types.ts";
import {
  halfLife,
  histogram,
  matches,
  passagesLike,
  searchUnits,
  seriesOf,
  unitsOn,
} from "../src/screens/inside/analysis.ts";
import { cellStep, explain } from "../src/screens/inside/cell.ts";
import { displayed } from "../src/screens/inside/displayed.ts";
import {
  NOTHING,
  type Take,
  branch,
  pathOf,
  readPath,
  request,
  stretchesUpTo,
  textOf,
  tokenRange,
  tokensOf,
} from "../src/screens/write/takes.ts";

const INKS: Record<Theme, readonly [number, number, number]> = {
  light: [0x1d, 0x1f, 0x1e],
  dark: [0xe9, 0xeb, 0xe8],
};

function rgb(pixel: number): [number, number, number] {
  return [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];
}

function lines(layout: Layout, tokens: string[]): string[] {
  return layout.rows.map((row) => tokens.slice(row.start, row.end).join(""));
}

test("lines break at line ends, and behind spaces where they are full", () => {
  const tokens = Array.from("one two three\n\nfour");
  const layout = new Layout(8);
  layout.place(tokens);
  assert.deepEqual(lines(layout, tokens), ["one two ", "three\n", "\n", "four"]);
});

test("a word longer than a line is cut", () => {
  const tokens = Array.from("abcdefghij");
  const layout = new Layout(4);
  layout.place(tokens);
  assert.deepEqual(lines(layout, tokens), ["abcd", "efgh", "ij"]);
});

test("text that grows is laid out as if it had been there at once", () => {
  const text = Array.from("the rain in spain\nstays mainly 日本 in the  plain, \t and so on\n");
  for (const columns of [3, 7, 10, 40]) {
    const grown = new Layout(columns);
    for (let n = 1; n <= text.length; n++) grown.place(text.slice(0, n), n - 1);
    const whole = new Layout(columns);
    whole.place(text);
    assert.deepEqual(grown.rows, whole.rows);
    assert.deepEqual(grown.columnOf, whole.columnOf);
    const last = whole.rows.at(-1)!;
    assert.equal(last.end, text.length);
  }
});

test("wide glyphs take two cells and marks none of their own", () => {
  const layout = new Layout(20);
  layout.place(["a", "日", "é", "e\u0301", "\t", "😀"]);
  assert.deepEqual(layout.cells, [1, 2, 1, 1, 4, 2]);
});

test("keys move as in an editor", () => {
  const tokens = Array.from("one\nthree\nx");
  const layout = new Layout(20);
  layout.place(tokens);
  assert.equal(layout.move(1, "ArrowDown"), 5);
  assert.equal(layout.move(8, "ArrowDown"), 10);
  assert.equal(layout.move(5, "Home"), 4);
  assert.equal(layout.move(5, "End"), 9);
  assert.equal(layout.move(0, "ArrowLeft"), 0);
  assert.equal(layout.move(10, "ArrowRight"), 10);
  assert.equal(layout.move(0, "PageDown", 5), 10);
});

test("ink is readable on every colour behind a text", () => {
  for (const theme of ["light", "dark"] as const) {
    for (const name of ["signed", "share", "surprise"] as ScaleName[]) {
      for (const pixel of scale(name, 0, 1, theme, "text").pixels) {
        assert.ok(contrast(INKS[theme], rgb(pixel)) >= 4.5, `${theme} ${name} ${rgb(pixel)}`);
      }
    }
  }
});

test("a signed scale has its zero in the middle and cuts what is beyond", () => {
  const made = scale("signed", -2, 2, "light", "field");
  assert.equal(stepOf(made, 0), 128);
  assert.equal(stepOf(made, -9), 0);
  assert.equal(stepOf(made, 9), 255);
});

test("a heat map takes its numbers lane by lane, and nothing for what is not a number", () => {
  const values = Float32Array.of(0, 10, 1, NaN, 2, 30); // [3 times, 2 units]
  const pixels = new Uint32Array(6);
  const made = scale("share", 0, 2, "light", "field");
  const lanes = [0, 1].map((offset) => ({ values, offset, stride: 2 }));
  fill(pixels, lanes, 0, 3, made);
  assert.deepEqual(
    [...pixels.slice(0, 3)],
    [0, 128, 255].map((step) => made.pixels[step]),
  );
  assert.equal(pixels[4], 0);
  fill(pixels, [{ ...lanes[0]!, centre: 1, size: 0.5 }], 2, 3, made);
  assert.equal(pixels[0], made.pixels[255]);
});

test("a view keeps its place under the pointer and stays within its picture", () => {
  const span = zoomed({ from: 10, zoom: 2 }, 4, 50);
  assert.equal(span.from + 50 / span.zoom, 35);
  assert.deepEqual(bounded({ from: -5, zoom: 0 }, 200, 100, 20), { from: 0, zoom: 0.5 });
  assert.deepEqual(bounded({ from: 999, zoom: 2 }, 200, 100, 20), { from: 150, zoom: 2 });
  assert.deepEqual(
    [0.01, 0.5, 3, 30].map((zoom) => tickDistance(zoom, 60)),
    [10000, 200, 20, 2],
  );
});

test("numbers as a person reads them", () => {
  assert.deepEqual([0, 0.0004, 0.004, 0.43, 0.996, 1].map(percent), [
    "0 %", "< 0.1 %", "0.4 %", "43 %", "99.6 %", "100 %",
  ]); // prettier-ignore
  assert.equal(signed(-0.001, 2), "0.00");
  assert.equal(signed(-1.5, 1), "−1.5");
  assert.equal(shown("a b\n"), "a␣b⏎");
  assert.deepEqual([6.58, 68.97, null].map(steps), ["6.6", "69", "∞"]);
});

const TAKE: Take = {
  number: 1,
  from: null,
  model: "m",
  prime: "Go",
  rules: {
    seed: "7", sample: 3, temperature: 1, top_k: 0, top_p: 1, min_p: 0, stop: [], unknown: "refuse",
  }, // prettier-ignore
  stretches: [
    { token: null, length: 4 },
    { token: null, length: 3 },
  ],
  tokens: Array.from("abcdefg", (text) => ({ text, logProb: -1, chosen: false, draws: 1 })),
};

test("a continuation reads all that is there and draws from a sample of its own", () => {
  const asked = request(TAKE, 2, 50);
  assert.equal(asked.prime, "Goabcdefg");
  assert.equal(asked.sample, 2_000_003);
  assert.equal(asked.seed, "7");
});

test("a branch keeps what is before it and only the draws that made that", () => {
  const made = branch(TAKE, 2, 5, "X", -2);
  assert.equal(textOf(made.tokens), "abcdeX");
  assert.deepEqual(made.stretches, [
    { token: null, length: 4 },
    { token: null, length: 1 },
    { token: "X", length: 0 },
  ]);
  assert.equal(textOf(TAKE.tokens), "abcdefg");
  // The chosen token of a stretch counts among what it made.
  assert.deepEqual(stretchesUpTo([{ token: "X", length: 9 }], 4), [{ token: "X", length: 3 }]);
});

test("a path comes back from the address, and nonsense does not", () => {
  const path = [
    { token: null, length: 200 },
    { token: "é\n", length: 0 },
    { token: " ", length: 12 },
  ];
  assert.deepEqual(readPath(pathOf(path)), path);
  for (const bad of ["", "x", "1:", "1:110000", "-4", "1~", "999999", "1:<b>"]) {
    assert.equal(readPath(bad), null, bad);
  }
});

test("the parts of a character become one token with the sum of their surprise", () => {
  const first = { text: "", tokens: ["\\xc3"], log_probs: [-1], ended: false };
  const second = { text: "é", tokens: ["\\xa9"], log_probs: [-0.5], ended: false };
  const [none, rest] = tokensOf(first, NOTHING);
  assert.deepEqual(none, []);
  const [tokens, left] = tokensOf(second, rest);
  assert.deepEqual(tokens, [{ text: "é", logProb: -1.5, chosen: false, draws: 2 }]);
  assert.deepEqual(left, NOTHING);
});

test("passages in characters are found among tokens", () => {
  const tokens = ["ab", "c", "", "de", "f"];
  assert.deepEqual(tokenRange(tokens, 2, 2), [1, 4]);
  assert.deepEqual(tokenRange(tokens, 0, 1), [0, 1]);
  assert.deepEqual(tokenRange(tokens, 9, 4), [5, 5]);
});

/** A trace of one layer of two units: unit 0 is on in every "(...)", unit 1 alternates. */
function traceOf(text: string): TraceAnswer {
  const tokens = ["start", ...text];
  const c = new Float32Array(tokens.length * 2);
  let inside = 0;
  tokens.forEach((token, n) => {
    if (token === "(") inside = 1;
    if (token === ")") inside = 0;
    c[2 * n] = inside;
    c[2 * n + 1] = n % 2 ? 1 : -1;
  });
  const half = new Float32Array(c.length).fill(0.5);
  const h = c.map((value) => 0.5 * Math.tanh(value));
  return {
    tokens,
    sizes: [2],
    layers: [{ c, h, f: half, i: half, g: half, o: half }],
    surprise: new Float32Array(tokens.length),
    likeliest: tokens.map(() => []),
  };
}

test("a selected passage finds its unit, and the passages like it", () => {
  const text = "ab(cd)ef(gh)ij(kl)mn";
  const trace = traceOf(text);
  const at = text.indexOf("(cd") + 1; // row 0 is the start token
  const [best] = unitsOn(trace, at, at + 3);
  assert.deepEqual([best?.layer, best?.unit, best?.inside], [0, 0, 1]);
  const found = passagesLike(trace, at, at + 3, 2);
  const texts = found.map(({ from, to }) => text.slice(from - 1, to - 1));
  assert.deepEqual(texts.sort(), ["(gh", "(kl"]);
  assert.ok(found.every((one) => one.similarity > 0.9999));
  assert.equal(seriesOf(trace, "c", { layer: 0, unit: 9 }), null);
});

test("half-lives are those of the gates", () => {
  assert.ok(Math.abs(halfLife(0.9) - 6.579) < 1e-3);
  assert.equal(halfLife(1), Infinity);
  assert.equal(halfLife(0), 0);
});

function unit(layer: number, number: number, more: Partial<UnitFacts>): UnitFacts {
  return {
    layer, unit: number, mean_forget: 0.9, half_life: 6.6, feature: null, bits: null, share: null,
    p_value: null, mean_on: null, mean_off: null, ...more,
  }; // prettier-ignore
}

test("units are searched by name, layer and what they respond to", () => {
  const units = [
    unit(0, 1, { feature: "inside quotes" }),
    unit(1, 15, { feature: "position in line" }),
    unit(1, 150, {}),
  ];
  const names = (words: string): number[] => searchUnits(units, words).map((one) => one.unit);
  assert.deepEqual(names("quotes"), [1]);
  assert.deepEqual(names("layer 1"), [15, 150]);
  assert.deepEqual(names("1:15 line"), [15]);
  assert.deepEqual(names("nothing"), []);
  assert.deepEqual(names(""), [1, 15, 150]);
});

test("a histogram counts each unit once, in its layer", () => {
  const units = [
    unit(0, 0, { half_life: 0.5 }),
    unit(0, 1, { half_life: 1 }),
    unit(0, 2, { half_life: null }),
    unit(1, 0, {}),
    unit(0, 3, { mean_forget: null, half_life: null }),
  ];
  assert.deepEqual(histogram(units, 0), [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
});

test("a pattern that matches nothing does not go on for ever, and a bad one throws", () => {
  assert.deepEqual(matches("a#b\n#c", "#.*"), [
    [1, 3],
    [4, 6],
  ]);
  assert.deepEqual(matches("abc", "x*"), []);
  assert.throws(() => matches("", "("));
});

test("the stepper's numbers add up, and its sentences say them", () => {
  const f = Float32Array.of(0, 0.93);
  const trace: TraceAnswer = {
    tokens: ["start", "e"],
    sizes: [1],
    layers: [
      {
        c: Float32Array.of(2, 1.61), f, i: Float32Array.of(0, 0.5), g: Float32Array.of(0, -0.5),
        o: Float32Array.of(0, 1), h: Float32Array.of(0.9, 0.923),
      }, // prettier-ignore
    ],
    surprise: Float32Array.of(NaN, 1),
    likeliest: [[], []],
  };
  const step = cellStep(trace, { layer: 0, unit: 0 }, 1);
  assert.ok(Math.abs(step.kept + step.added - step.after) < 1e-6);
  assert.match(
    explain(step, "forget", false),
    /wide open and keeps 93 % of the memory: 0\.930 × 2\.000 = 1\.860/,
  );
  assert.match(explain(step, "memory", false), /1\.860 − 0\.250 = 1\.610\. It faded\./);
  assert.equal(cellStep(trace, { layer: 0, unit: 0 }, 0).before, 0);
  assert.match(explain(cellStep(trace, { layer: 0, unit: 0 }, 0), "read", true), /start token/);
});

test("tokens are shown as they stand in the text", () => {
  assert.deepEqual(displayed(["a", "<unknown>"], "aß"), ["a", "ß"]);
  assert.deepEqual(displayed(["\\x61", "\\xc3", "\\x9f"], "aß"), ["a", "ß", ""]);
  assert.deepEqual(displayed(["th", "e"], "the"), ["th", "e"]);
});

test("an axis has round ticks within its range, and its labels no stray digits", () => {
  assert.deepEqual(bounds([NaN, 3, -1, Infinity]), [-1, 3]);
  assert.deepEqual(bounds([]), [0, 1]);
  assert.deepEqual(bounds([2, 2]), [1.5, 2.5]);
  // A number and its mean with itself are not quite the same.
  const almost = 3.06 + 4.5e-16;
  assert.ok(almost > 3.06);
  assert.deepEqual(bounds([3.06, almost]), [2.56, almost + 0.5]);
  assert.deepEqual(ticks([3.06, almost], 6), []);
  assert.deepEqual(ticks([NaN, NaN], 6), []);
  assert.deepEqual(ticks([0, 1], 5).map(tickLabel), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
  for (const range of [
    [0.013, 0.0171],
    [-3, 41_000],
    [1.2e6, 9.7e6],
  ] as const) {
    const found = ticks(range, 6);
    assert.ok(found.length >= 2 && found.length <= 7, String(found));
    assert.ok(found.every((tick) => tick >= range[0] && tick <= range[1]));
    assert.equal(new Set(found.map(tickLabel)).size, found.length);
  }
  assert.equal(tickLabel(20_000), "20k");
  assert.equal(tickLabel(2_500_000), "2.5M");
});

test("the nearest of rising numbers is found", () => {
  const rising = [1, 2, 4, 8];
  assert.equal(nearest([], 3), -1);
  for (const [value, index] of [
    [-5, 0],
    [1.4, 0],
    [1.6, 1],
    [3.2, 2],
    [7, 3],
    [99, 3],
  ] as const) {
    assert.equal(nearest(rising, value), index, String(value));
  }
});
