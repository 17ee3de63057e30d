/** Recurra's side: the studio's own place in the browser, as its screens use it. */
import { openBrowserPlace } from "../../web/studio/src/place/browser/index.ts";
import type { Place } from "../../web/studio/src/place/place.ts";
import type { RunEvent } from "../../web/studio/src/place/types.ts";

const opening = openBrowserPlace();
const ids = new Map<string, Promise<string>>();

function corpus(place: Place, text: string): Promise<string> {
  const known = ids.get(text);
  if (known) return known;
  const added = place.corpora.add("text", new Blob([text])).then(({ id }) => id);
  ids.set(text, added);
  return added;
}

/** Nothing but learning: no looks at held-out text, no samples. */
const QUIET = { validate_every: 0, sample_every: 0, dropout: 0, schedule: "constant", warmup: 0 };

export async function begin(text: string, options: Record<string, unknown>): Promise<string> {
  const place = await opening;
  const id = await corpus(place, text);
  const run = await place.runs.start({ corpus: id, name: null, preset: "tiny", options });
  return run.id;
}

async function end(run: string): Promise<RunEvent[]> {
  const place = await opening;
  const events: RunEvent[] = [];
  await new Promise<void>((resolve, reject) => {
    const stop = place.runs.watch(run, (more) => {
      events.push(...more);
      const last = more.findLast((event) => event.event === "status");
      if (!last || ["running", "paused"].includes(last.run.status)) return;
      stop();
      if (last.run.status === "failed") reject(new Error(last.run.message ?? "failed"));
      else resolve();
    });
  });
  return events;
}

/** Return steps a second, everything included, between the first point of the curve and the last. */
export async function train(
  text: string,
  options: Record<string, unknown>,
  seconds: number,
): Promise<number> {
  const place = await opening;
  const run = await begin(text, { ...QUIET, ...options, seconds });
  const points = (await end(run)).filter((event) => event.event === "step");
  const [first, last] = [points[0]!, points.at(-1)!];
  await place.runs.remove(run);
  return (last.step - first.step) / (last.elapsed_s - first.elapsed_s);
}

/** Return written characters a second by a network that has learned next to nothing. */
export async function generate(
  text: string,
  options: Record<string, unknown>,
  count: number,
): Promise<number> {
  const place = await opening;
  const run = await begin(text, { ...QUIET, ...options, steps: 1 });
  await end(run);
  const model = (await place.runs.get(run)).model!;
  const rules = { sample: 0, temperature: 1, top_k: 0, top_p: 1, min_p: 0, stop: [] };
  const write = (length: number): Promise<void> => {
    const request = { prime: "", length, seed: "1", unknown: "refuse" as const, ...rules };
    return place.models.generate(model, request, () => undefined).result;
  };
  await write(2000); // the browser's second compiler needs a moment
  const began = performance.now();
  await write(count);
  const rate = (count * 1000) / (performance.now() - began);
  await place.runs.remove(run);
  return rate;
}

/** Return the seconds from opening the page to the first step: a text is pasted on the way. */
export async function firstStep(text: string, options: Record<string, unknown>): Promise<number> {
  const place = await opening;
  const run = await begin(text, { ...options, log_every: 1, seconds: 600 });
  const seconds = await new Promise<number>((resolve) => {
    const stop = place.runs.watch(run, (events) => {
      if (!events.some((event) => event.event === "step")) return;
      stop();
      resolve(performance.now() / 1000);
    });
  });
  await place.runs.stop(run);
  await end(run);
  return seconds;
}

export async function stop(run: string): Promise<void> {
  await (await opening).runs.stop(run);
  await end(run);
}

export async function engine(): Promise<string> {
  return (await (await opening).facts()).engine;
}
