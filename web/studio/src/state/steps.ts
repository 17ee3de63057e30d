/** Single steps of a training that rests. */

import type { Place } from "../place/place.ts";

/** A key that is held down repeats faster than a large network learns. */
const MOST_WAITING = 10;

export class SingleSteps {
  /** Presses that are not answered yet: each counts, and they are taken one after another. */
  #waiting = 0;
  #taking = false;

  constructor(
    readonly place: Place,
    readonly id: string,
    readonly onerror: (error: unknown) => void,
  ) {}

  /** Take one more step. The button stays on meanwhile: switched off, it would lose the focus. */
  async press(): Promise<void> {
    this.#waiting = Math.min(this.#waiting + 1, MOST_WAITING);
    if (this.#taking) return;
    this.#taking = true;
    try {
      for (; this.#waiting > 0; this.#waiting--) await this.place.runs.step(this.id);
    } catch (error) {
      this.onerror(error);
    } finally {
      this.#taking = false;
      this.#waiting = 0;
    }
  }

  /** Forget what was pressed and is not begun: the training goes on, or ends. */
  forget(): void {
    this.#waiting = 0;
  }
}
