/** Models opened in the Worker, the least used ones closed when there are many. */

import { configError } from "../../../../../kernel/src/errors.ts";
import type { Kernel } from "../../../../../kernel/src/kernel.ts";
import { TextModel } from "../../../../../kernel/src/text-model.ts";
import { object } from "../entries.ts";
import { database } from "../database.ts";
import { loadKernel } from "../kernel.ts";

/** Numbers of all weights that are held at the same time; the one that is asked stays anyway. */
const MOST_PARAMETERS = 60_000_000;

interface Model {
  readonly parameters: number;
  dispose(): void;
}

/** What opens the files of one kind. */
interface Kind<M extends Model> {
  new (...given: never[]): M;
  read(kernel: Kernel, bytes: Uint8Array, name?: string): M;
}

interface Opened {
  model: Model;
  /** Changes when a run writes a better model. */
  revision: string;
  users: number;
}

const opened = new Map<string, Opened>();
let loading: Promise<Kernel> | undefined;

/** The kernel of this Worker: texts are written one character after the other, on one thread. */
export function kernel(): Promise<Kernel> {
  loading ??= loadKernel(1);
  loading.catch(() => {
    loading = undefined;
  });
  return loading;
}

/** What opens models of a kind, brought when one is there: texts need none of the others. */
export async function kindOf(name: unknown): Promise<Kind<Model>> {
  if (name === "music") return (await import("./music.ts")).MusicModel;
  if (name === "numbers") return (await import("./numbers.ts")).NumberModel;
  if (name === "series") return (await import("./forecast.ts")).Forecaster;
  if (name === "labels") return (await import("./labels.ts")).Classifier;
  return TextModel;
}

/** Lend a model of texts out for as long as `use` runs. Throws where there is none. */
export const withModel = <T>(id: string, use: (model: TextModel) => T | Promise<T>): Promise<T> =>
  lent(id, TextModel, "of texts", use);

/** Lend a model of one kind out for as long as `use` runs. Throws where it is of another. */
export async function lent<M extends Model, T>(
  id: string,
  kind: Kind<M>,
  called: string,
  use: (model: M) => T | Promise<T>,
): Promise<T> {
  const found = await open(id);
  const { model } = found;
  if (!(model instanceof kind)) throw configError(`This is no model ${called}.`);
  found.users += 1;
  try {
    return await use(model);
  } finally {
    found.users -= 1;
    tidy();
  }
}

async function open(id: string): Promise<Opened> {
  const db = await database();
  const [entry, running] = await Promise.all([db.get("models", id), kernel()]);
  if (!entry) throw configError("There is no such model here; it may have been removed.");
  const revision = JSON.stringify([entry.bytes, object(entry.document.provenance)]);
  const known = opened.get(id);
  // Moved to the end: the map is in the order of use.
  opened.delete(id);
  if (known?.revision === revision) {
    opened.set(id, known);
    return known;
  }
  const file = await db.get("files", id);
  if (!file) throw configError("There is no such model here; it may have been removed.");
  const kind = await kindOf(entry.kind);
  const again = opened.get(id);
  if (again?.revision === revision) return again;
  const model = kind.read(running, file, entry.name);
  const fresh = { model, revision, users: 0 };
  if (known) retire(known);
  opened.set(id, fresh);
  return fresh;
}

const retired = new Set<Opened>();

function retire(one: Opened): void {
  if (one.users) retired.add(one);
  else one.model.dispose();
}

function tidy(): void {
  for (const one of retired) {
    if (one.users) continue;
    retired.delete(one);
    one.model.dispose();
  }
  let sum = 0;
  for (const { model } of opened.values()) sum += model.parameters;
  for (const [id, one] of opened) {
    if (sum <= MOST_PARAMETERS || opened.size === 1) return;
    if (one.users) continue;
    opened.delete(id);
    one.model.dispose();
    sum -= one.model.parameters;
  }
}
