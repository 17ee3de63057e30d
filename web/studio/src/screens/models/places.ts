/** A model and where it is, and what is done with it across places. */

import { PLACE_NAMES } from "../../app/place.svelte.ts";
import type { Place } from "../../place/place.ts";
import type { ModelEntry } from "../../place/types.ts";

export interface Kept {
  /** Unique over the places. */
  key: string;
  place: Place;
  model: ModelEntry;
}

/** Every model of every place, newest first; a place that does not answer is named in `lost`. */
export async function everyModel(
  places: readonly Place[],
): Promise<{ models: Kept[]; lost: string[] }> {
  const lists = await Promise.allSettled(places.map((place) => place.models.list()));
  const models: Kept[] = [];
  const lost: string[] = [];
  lists.forEach((list, index) => {
    const place = places[index]!;
    if (list.status === "rejected") {
      lost.push(`${PLACE_NAMES[place.kind]}: ${(list.reason as Error).message}`);
      return;
    }
    for (const model of list.value) models.push({ key: `${place.kind}:${model.id}`, place, model });
  });
  if (lost.length && lost.length === places.length) throw new Error(lost.join(" "));
  models.sort((a, b) => b.model.created.localeCompare(a.model.created));
  return { models, lost };
}

/** Whether a model is its run's own: the run is removed with it. */
export const ofRun = ({ model }: Kept): boolean =>
  model.run !== null && model.id === `run-${model.run}`;

export async function remove(kept: Kept): Promise<void> {
  if (ofRun(kept)) await kept.place.runs.remove(kept.model.run!);
  else await kept.place.models.remove(kept.model.id);
}

/** Bring a copy of a model to another place. The file is the whole model. */
export async function copyTo(kept: Kept, target: Place): Promise<ModelEntry> {
  return target.models.add(kept.model.name, await kept.place.models.file(kept.model.id));
}

/** Hand a model's file to the person. */
export async function exportFile(kept: Kept): Promise<void> {
  const file = await kept.place.models.file(kept.model.id);
  const address = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = address;
  link.download = `${kept.model.name.replaceAll(/[^\p{L}\p{N}._ -]+/gu, "-").trim() || "model"}.safetensors`;
  link.click();
  // The download has its own hold on the data once it has begun.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
