/** What the screens of other kinds than text share: the data, the training, the model chosen. */

import { route } from "../../app/router.svelte.ts";
import type { DataEntry, DataFiles } from "../../place/data.ts";
import { dataOf } from "../../place/data.ts";
import type { Place } from "../../place/place.ts";
import type { ModelEntry, RunEntry } from "../../place/types.ts";

export class Workbench<Work> {
  data = $state.raw<DataFiles | null>(null);
  work = $state.raw<Work | null>(null);
  models = $state.raw<ModelEntry[] | null>(null);
  runs = $state.raw<RunEntry[]>([]);
  entry = $state.raw<DataEntry | null>(null);
  failure = $state.raw<unknown>(null);

  constructor(
    readonly place: Place,
    readonly kind: string,
    /** What the place can do with such models. */
    private readonly workOf: (place: Place) => Promise<Work>,
  ) {}

  /** The address holds which model, which data and which training are looked at. */
  get model(): ModelEntry | null {
    const models = this.models ?? [];
    return models.find((one) => one.id === route.params.model) ?? models[0] ?? null;
  }
  get training(): string | null {
    const named = route.params.training;
    if (named === "none") return null;
    const going = this.runs.find((run) => run.status === "running" || run.status === "paused");
    return named ?? going?.id ?? null;
  }

  /** Whether models of this kind can be trained here. */
  get trains(): boolean {
    return this.place.kind === "computer";
  }

  /** Data that the model is asked about: where it is trained, those that it learned from (null),
   * unless others were chosen for it. */
  get asked(): string | null {
    return route.params.of === "chosen" || !this.trains ? (this.entry?.id ?? null) : null;
  }

  async load(): Promise<void> {
    this.failure = null;
    try {
      [this.data, this.work] = await Promise.all([
        dataOf(this.place, this.kind),
        this.workOf(this.place),
      ]);
      await this.refresh();
      this.runs = await this.place.runs.list(this.kind);
    } catch (error) {
      this.failure = error;
    }
  }

  async refresh(): Promise<void> {
    const listed = await this.place.models.list();
    this.models = listed.filter((one) => one.kind === this.kind);
  }

  choose(entry: DataEntry | null): void {
    this.entry = entry;
    route.put({ data: entry?.id ?? null });
  }

  begin(run: string): void {
    route.put({ training: run });
  }

  async trained(model: string): Promise<void> {
    await this.refresh();
    route.put({ model });
  }

  close(): void {
    route.put({ training: "none" });
  }
}
