/** One text being written: takes, the stretch that streams in, what is known about the result. */

import type { Place, Running } from "../../place/place.ts";
import type { Continuation, CopiesAnswer, TraceAnswer } from "../../place/types.ts";
import { sentence } from "../../design/toasts.svelte.ts";
import {
  NOTHING,
  type Rules,
  type Stretch,
  type Take,
  branch,
  pathOf,
  request,
  textOf,
  tokensOf,
} from "./takes.ts";

/** Texts beyond this are not traced for their guesses: all gates of all units come with them. */
export const TRACED = 5000;

export class Writer {
  /** All takes, oldest first. A change of one counts `version` up. */
  takes = $state.raw<readonly Take[]>([]);
  index = $state(-1);
  version = $state(0);
  busy = $state(false);
  /** Stopped by the person before its length was reached. */
  stopped = $state(false);
  failure = $state<string | null>(null);
  copies = $state.raw<CopiesAnswer | null>(null);
  guesses = $state.raw<readonly (readonly Continuation[])[] | null>(null);
  guessing = $state(false);
  speed = $state<number | null>(null);
  private running: Running<void> | null = null;
  private work = 0;

  constructor(
    private readonly place: () => Place,
    /** Told the path of the take whenever a stretch has ended. */
    private readonly settled: (writer: Writer) => void,
  ) {}

  get take(): Take | null {
    return this.takes[this.index] ?? null;
  }

  get path(): string | null {
    return this.take ? pathOf(this.take.stretches) : null;
  }

  /** Write something new. */
  async write(model: string, rules: Rules, prime: string, length: number): Promise<void> {
    await this.replay(model, rules, prime, [{ token: null, length }]);
  }

  /** Write a take again from its path, as far as the model still does the same. */
  async replay(
    model: string,
    rules: Rules,
    prime: string,
    path: readonly Stretch[],
  ): Promise<void> {
    await this.stop();
    const number = this.takes.length + 1;
    const take: Take = {
      number, from: null, model, prime, rules: { ...rules }, stretches: [], tokens: [],
    }; // prettier-ignore
    this.add(take);
    for (const { token, length } of path) {
      if (token !== null) {
        take.stretches.push({ token, length: 0 });
        take.tokens.push({ text: token, logProb: NaN, chosen: true, draws: 1 });
      } else take.stretches.push({ token: null, length: 0 });
      if (!(await this.draw(take, length))) return;
    }
  }

  /** Go on where the take stopped. */
  async goOn(length: number): Promise<void> {
    const { take } = this;
    if (!take || this.busy) return;
    take.stretches.push({ token: null, length: 0 });
    await this.draw(take, length);
  }

  /** Put another token in place of number `kept` and go on from there, in a new take. */
  async branchAt(kept: number, choice: Continuation, length: number): Promise<void> {
    const { take } = this;
    if (!take) return;
    await this.stop();
    const logProb = Math.log(choice.probability);
    const made = branch(take, this.takes.length + 1, kept, choice.token, logProb);
    this.add(made);
    await this.draw(made, length);
  }

  /** Show another take. */
  async show(index: number): Promise<void> {
    if (index < 0 || index >= this.takes.length || index === this.index) return;
    await this.stop();
    this.index = index;
    this.forget();
    this.settled(this);
    await this.compare();
  }

  /** Stop what streams in; what is there stays. */
  async stop(): Promise<void> {
    const { running } = this;
    if (!running) return;
    this.stopped = true;
    running.stop();
    await running.result.catch(() => undefined);
  }

  /** The likeliest tokens in place of number `at` of the take. */
  alternatives(at: number, count = 12): Promise<Continuation[]> {
    const { take } = this;
    if (!take) return Promise.resolve([]);
    const before = take.prime + textOf(take.tokens.slice(0, at));
    return this.place().models.next(take.model, before, count);
  }

  /** Find the five likeliest tokens after each one. */
  async guess(): Promise<void> {
    const { take } = this;
    const work = this.work;
    if (!take || this.busy || this.guesses) return;
    const text = take.prime + textOf(take.tokens);
    if (text.length > TRACED) return;
    this.guessing = true;
    try {
      const trace: TraceAnswer = await this.place().models.trace(take.model, text);
      if (work === this.work) this.guesses = trace.likeliest.slice(1);
    } catch (error) {
      if (work === this.work) this.failure = sentence(error);
    } finally {
      this.guessing = false;
    }
  }

  private add(take: Take): void {
    this.takes = [...this.takes, take];
    this.index = this.takes.length - 1;
    this.forget();
  }

  private forget(): void {
    this.work++;
    this.version++;
    this.copies = null;
    this.guesses = null;
    this.failure = null;
    this.stopped = false;
  }

  /** Draw the last stretch of a take. Returns whether it came to its end. */
  private async draw(take: Take, length: number): Promise<boolean> {
    this.forget();
    this.busy = true;
    const number = take.stretches.length - 1;
    const stretch = take.stretches[number]!;
    const began = performance.now();
    let rest = NOTHING;
    let frame = 0;
    try {
      this.running = this.place().models.generate(
        take.model,
        request(take, number, length),
        (piece) => {
          const [tokens, left] = tokensOf(piece, rest);
          rest = left;
          take.tokens.push(...tokens);
          stretch.length += piece.tokens.length;
          // Pieces may come faster than frames; the page hears of them once a frame.
          frame ||= requestAnimationFrame(() => {
            frame = 0;
            this.version++;
          });
        },
      );
      await this.running.result;
    } catch (error) {
      this.failure = sentence(error);
    }
    cancelAnimationFrame(frame);
    this.running = null;
    this.busy = false;
    this.version++;
    const seconds = (performance.now() - began) / 1000;
    this.speed = stretch.length > 0 ? stretch.length / seconds : null;
    const whole = this.failure === null && !this.stopped;
    this.settled(this);
    if (this.failure === null) void this.compare();
    return whole;
  }

  /** Look for passages that stand in the corpus. What cannot be compared is simply not marked. */
  private async compare(): Promise<void> {
    const { take, work } = this;
    if (!take || take.tokens.length === 0) return;
    try {
      const found = await this.place().models.copies(take.model, textOf(take.tokens));
      if (work === this.work) this.copies = found;
    } catch {
      if (work === this.work) this.copies = null;
    }
  }
}
