/** A page with nothing but the place in the browser, for tests: window.place, and a few helpers. */

import { findCopies } from "../../kernel/src/insight/copies.ts";
import { textFeatures } from "../../kernel/src/insight/features.ts";
import { findResets } from "../../kernel/src/resets.ts";
import { openBrowserPlace } from "../src/place/browser/index.ts";
import { gather, suitsDropout } from "../src/place/browser/options.ts";
import { suitableDropout } from "../src/place/browser/settings.ts";
import type { GenerateRequest, RunEvent, StartRequest } from "../src/place/types.ts";

const place = await openBrowserPlace();

const fromBase64 = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

/** Call and say how it failed. */
async function tried<T>(call: () => Promise<T>): Promise<{ value: T } | { error: object }> {
  try {
    return { value: await call() };
  } catch (error) {
    const { name, message, field } = error as { name: string; message: string; field?: string };
    return { error: { name, message, field: field ?? null } };
  }
}

/** Longest time that the page did not answer, since it was last asked. */
let longest = 0;
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
}).observe({ type: "longtask", buffered: false });

const helpers = {
  place,
  longestTask: (): number => {
    const found = longest;
    longest = 0;
    return found;
  },
  add: (name: string, data: string) => tried(() => place.corpora.add(name, new Blob([data]))),
  addBytes: (name: string, data: string) =>
    tried(() => place.corpora.add(name, new Blob([fromBase64(data)]))),
  start: (request: StartRequest) => tried(() => place.runs.start(request)),
  /** Watch a run until it stands still, or `until` of its events have come. */
  async follow(id: string, until: Partial<Record<RunEvent["event"], number>> = {}) {
    const events: RunEvent[] = [];
    await new Promise<void>((resolve) => {
      const stop = place.runs.watch(id, (more) => {
        events.push(...more);
        const last = more.findLast((event) => event.event === "status");
        const still = last && !["running", "paused"].includes(last.run.status);
        const enough = Object.entries(until).some(
          ([kind, count]) => events.filter(({ event }) => event === kind).length >= count,
        );
        if (!still && !enough) return;
        stop();
        resolve();
      });
    });
    return { events, run: await place.runs.get(id) };
  },
  write: (id: string, request: Partial<GenerateRequest>, stopAfter = Infinity) =>
    tried(async () => {
      let [text, pieces, tokens] = ["", 0, 0];
      const running = place.models.generate(
        id,
        {
          ...{ prime: "", length: 200, seed: "0", sample: 0, temperature: 1, top_k: 0 },
          ...{ top_p: 1, min_p: 0, stop: [], unknown: "refuse" },
          ...request,
        },
        (piece) => {
          text += piece.text;
          tokens += piece.tokens.length;
          pieces += 1;
          if (pieces >= stopAfter) running.stop();
        },
      );
      await running.result;
      return { text, pieces, tokens };
    }),
  async file(id: string): Promise<string> {
    const bytes = new Uint8Array(await (await place.models.file(id)).arrayBuffer());
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return btoa(text);
  },
  open: (name: string, data: string) =>
    tried(() => place.models.add(name, new Blob([fromBase64(data)]))),
  async trace(id: string, text: string) {
    const found = await place.models.trace(id, text);
    const plain = (layer: Record<string, Float32Array>) =>
      Object.fromEntries(Object.entries(layer).map(([name, array]) => [name, [...array]]));
    return { ...found, surprise: [...found.surprise], layers: found.layers.map(plain) };
  },
  async saliency(id: string, text: string, position: number, target: string | null) {
    const found = await place.models.saliency(id, text, position, target);
    return { ...found, norm: [...found.norm], dot: [...found.dot] };
  },
  inside: (id: string, text: string, pattern: string | null) => {
    const shares: number[] = [];
    const running = place.models.inside(id, text, pattern, (share) => shares.push(share));
    return running.result.then((answer) => ({ answer, shares }));
  },
  gather: (values: Record<string, unknown>, preset: string | null) =>
    tried(async () => gather(values, preset)),
  dropout: (values: Record<string, unknown>, preset: string | null, tokens: number) =>
    suitableDropout(suitsDropout(values, preset)!, gather(values, preset), tokens),
  features: (text: string, pattern: string | null) =>
    Object.fromEntries(textFeatures(text, pattern).map(({ name, values }) => [name, [...values]])),
  resets: (text: string, pattern: string) => findResets(text, pattern),
  copies: (source: number[], text: number[], shortest: number) =>
    findCopies(source, text, shortest),
  tried: (path: string, ...given: unknown[]) => {
    const [part, name] = path.split(".") as ["runs" | "models" | "corpora", string];
    const home = place[part] as unknown as Record<
      string,
      (...given: unknown[]) => Promise<unknown>
    >;
    return tried(() => home[name]!(...given));
  },
};

Object.assign(window, { recurra: helpers });
