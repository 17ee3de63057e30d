/** How a model is looked into, as studio/lens.py does. Loaded when it is first asked for. */

import { configError } from "../../../../../kernel/src/errors.ts";
import { textFeatures, type Feature } from "../../../../../kernel/src/insight/features.ts";
import { columnMeans, halfLife, kept } from "../../../../../kernel/src/insight/forgetting.ts";
import { saliency } from "../../../../../kernel/src/insight/saliency.ts";
import { explain } from "../../../../../kernel/src/insight/units.ts";
import type { TextModel } from "../../../../../kernel/src/text-model.ts";
import type { Policy } from "../../../../../kernel/src/vocabulary.ts";
import type { InsideAnswer, SaliencyAnswer, TraceAnswer, UnitFacts } from "../../types.ts";
import { kernel } from "./models.ts";

const LIKELIEST = 5;
/** Bytes that a trace may take. */
const TRACE_BYTES = 128 << 20;
const SALIENCY_TOKENS = 4096;
/** How much of a text the table of the units is made from. */
const INSIDE_CHARACTERS = 10_000;

/** What happens to characters that a model does not know: replaced where it has a token for that. */
function policy({ vocabulary }: TextModel): Policy {
  const document = vocabulary.toDocument();
  return document.kind === "bytes" || document.unknown ? "replace" : "refuse";
}

export function trace(model: TextModel, text: string): TraceAnswer {
  const { sizes } = model.network.spec.stack;
  const numbers = sizes.reduce((sum, size) => sum + size, 0) * 6 + 2 * model.vocabulary.size;
  const longest = Math.floor(TRACE_BYTES / (4 * numbers));
  if (text.length > longest) {
    throw configError(
      `the text has ${text.length} characters, but a network of this size can be looked at over ` +
        `${longest} at a time; take a shorter passage.`,
      "text",
    );
  }
  const found = model.trace(text, policy(model), LIKELIEST);
  const surprise = new Float32Array(found.tokens.length).fill(NaN);
  found.log_probs.forEach((log_prob, n) => (surprise[n + 1] = -log_prob));
  return {
    tokens: found.tokens,
    sizes,
    layers: layersOf(found.arrays, sizes.length),
    surprise,
    likeliest: found.likeliest ?? [],
  };
}

/** Sort arrays named "f_l0" by layer. */
function layersOf(
  arrays: Map<string, Float32Array>,
  count: number,
): Record<string, Float32Array>[] {
  const layers = Array.from({ length: count }, () => ({}) as Record<string, Float32Array>);
  for (const [name, array] of arrays) {
    const [part, layer] = name.split("_l") as [string, string];
    layers[Number(layer)]![part] = array;
  }
  return layers;
}

export function saliencyOf(
  model: TextModel,
  text: string,
  position: number,
  target: string | null,
): SaliencyAnswer {
  const tokens = model.read(text, policy(model));
  if (!Number.isInteger(position) || position < 0 || position >= tokens.length) {
    throw configError(
      `position is ${position}, but the text ends with token ${tokens.length - 1}.`,
      "position",
    );
  }
  let chosen = tokens[position + 1] ?? null;
  if (target !== null) {
    const wanted = model.vocabulary.encode(target, "refuse");
    if (wanted.length !== 1) {
      throw configError(`the target '${target}' is ${wanted.length} tokens, not one.`, "target");
    }
    chosen = wanted[0]!;
  }
  // Gradients through thousands of steps are zero to all digits; only the last ones are asked for.
  const first = Math.max(0, position + 1 - SALIENCY_TOKENS);
  const found = saliency(model.network, tokens.slice(first, position + 1), chosen);
  const whole = (part: Float32Array): Float32Array => {
    const all = new Float32Array(position + 1);
    all.set(part, first);
    return all;
  };
  return {
    position,
    target: model.vocabulary.tokenText(found.target),
    log_prob: found.log_prob,
    norm: whole(found.norm),
    dot: whole(found.dot),
  };
}

export async function inside(
  model: TextModel,
  whole: string,
  pattern: string | null,
  progress: (share: number) => Promise<void>,
  stopped: () => boolean,
): Promise<InsideAnswer> {
  const text = Array.from(whole.slice(0, 2 * INSIDE_CHARACTERS))
    .slice(0, INSIDE_CHARACTERS)
    .join("");
  const found = model.trace(text, policy(model));
  await progress(0.05);
  const { cell, sizes } = model.network.spec.stack;
  const layers = layersOf(found.arrays, sizes.length);
  const memory = sizes.flatMap((units, k) => columns(layers[k]![cell.gru ? "h" : "c"]!, units));
  const features = tokenFeatures(model, text, pattern || null);
  const explained = await explain(await kernel(), memory, features, {
    progress: (share) => progress(0.05 + 0.95 * share),
    stopped,
  });
  const units: UnitFacts[] = [];
  sizes.forEach((size, layer) => {
    const gates = kept(cell, layers[layer]!);
    // The start token, in the first row, is no part of the text.
    const means = gates ? columnMeans(gates, size, 1) : null;
    for (let unit = 0; unit < size; unit++) {
      const best = explained.best[units.length] ?? null;
      const gate = means ? means[unit]! : 1;
      const life = halfLife(gate);
      units.push({
        layer,
        unit,
        mean_forget: gate,
        half_life: Number.isFinite(life) ? life : null,
        feature: best?.feature ?? null,
        bits: best?.bits ?? null,
        share: best?.score ?? null,
        p_value: best?.p ?? null,
        mean_on: best?.inside ?? null,
        mean_off: best?.outside ?? null,
      });
    }
  });
  return { units, features: explained.features };
}

/** Return the columns of [T, H] without the first row. */
function columns(values: Float32Array, units: number): Float32Array[] {
  const steps = values.length / units;
  return Array.from({ length: units }, (_, unit) => {
    const column = new Float32Array(steps - 1);
    for (let t = 1; t < steps; t++) column[t - 1] = values[t * units + unit]!;
    return column;
  });
}

/** Return the features of every token: those of its last character. */
function tokenFeatures(model: TextModel, text: string, pattern: string | null): Feature[] {
  const features = textFeatures(text, pattern);
  if (model.vocabulary.kind === "characters") return features;
  const lengths = Array.from(text, (character) => new TextEncoder().encode(character).length);
  return features.map((feature) => ({
    ...feature,
    values: Int32Array.from(
      lengths.flatMap((length, n) => new Array<number>(length).fill(feature.values[n]!)),
    ),
  }));
}
