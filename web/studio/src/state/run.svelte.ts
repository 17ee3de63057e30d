/**
 * A run as it is watched: its events, gathered. Events may come hundreds a second; what is drawn
 * changes at most once a frame, by `version`.
 */

import type { Place } from "../place/place.ts";
import type { RunEntry, RunEvent } from "../place/types.ts";

type Of<K extends RunEvent["event"]> = Extract<RunEvent, { event: K }>;

export class WatchedRun {
  /** Grows whenever something came; the arrays below are plain, for they are long. */
  version = $state(0);
  entry = $state.raw<RunEntry | null>(null);
  lost = $state<string | null>(null);

  steps: Of<"step">[] = [];
  validations: Of<"validated">[] = [];
  samples: Of<"sampled">[] = [];
  started: Of<"started"> | null = null;
  finished: Of<"finished"> | null = null;
  failed: Of<"failed"> | null = null;
  checkpointed: Of<"checkpointed"> | null = null;

  #fresh: RunEvent[] = [];
  #frame = 0;
  #stop: () => void;

  constructor(place: Place, id: string) {
    this.#stop = place.runs.watch(
      id,
      (events, anew) => {
        if (anew) this.#forget();
        for (const event of events) this.#fresh.push(event);
        this.#frame ||= requestAnimationFrame(() => this.#take());
      },
      (why) => (this.lost = why),
    );
  }

  close(): void {
    this.#stop();
    cancelAnimationFrame(this.#frame);
  }

  #forget(): void {
    this.#fresh = [];
    this.steps = [];
    this.validations = [];
    this.samples = [];
    this.started = this.finished = this.failed = this.checkpointed = null;
  }

  #take(): void {
    this.#frame = 0;
    const events = this.#fresh;
    this.#fresh = [];
    for (const event of events) this.#keep(event);
    this.version += 1;
  }

  #keep(event: RunEvent): void {
    switch (event.event) {
      case "started":
        this.started = event;
        this.finished = this.failed = null;
        break;
      case "step":
        this.steps.push(event);
        break;
      case "validated":
        this.validations.push(event);
        break;
      case "sampled":
        this.samples.push(event);
        break;
      case "checkpointed":
        this.checkpointed = event;
        break;
      case "finished":
        this.finished = event;
        break;
      case "failed":
        this.failed = event;
        break;
      case "status":
        this.entry = event.run;
        break;
    }
  }
}
