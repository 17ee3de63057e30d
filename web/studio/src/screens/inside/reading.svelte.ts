/** One model reading one text: its trace, what its units respond to, what moved a prediction. */

import { sentence } from "../../design/toasts.svelte.ts";
import type { Place, Running } from "../../place/place.ts";
import type { InsideAnswer, SaliencyAnswer, TraceAnswer } from "../../place/types.ts";
import { displayed } from "./displayed.ts";

/** Fewer tokens than this say nothing about what a unit responds to. */
export const LEAST = 200;

export class Reading {
  model = $state("");
  text = $state("");
  trace = $state.raw<TraceAnswer | null>(null);
  /** The text's tokens; token n is row n + 1 of the trace, after the start token. */
  tokens = $state.raw<readonly string[]>([]);
  findings = $state.raw<InsideAnswer | null>(null);
  saliency = $state.raw<SaliencyAnswer | null>(null);
  busy = $state(false);
  failure = $state<string | null>(null);
  /** How far the search for what units respond to is; null while none goes on. */
  share = $state<number | null>(null);
  findFailure = $state<string | null>(null);
  private work = 0;
  private finding: Running<InsideAnswer> | null = null;
  private moved = new Map<number, SaliencyAnswer>();

  constructor(private readonly place: () => Place) {}

  /** Return whether there is a new trace; not so where it failed, or where another was asked for. */
  async read(model: string, text: string): Promise<boolean> {
    const work = ++this.work;
    this.finding?.stop();
    this.busy = true;
    this.failure = this.findFailure = null;
    try {
      const trace = await this.place().models.trace(model, text);
      if (work !== this.work) return false;
      this.model = model;
      this.text = text;
      this.trace = trace;
      this.tokens = displayed(trace.tokens.slice(1), text);
      this.findings = null;
      this.saliency = null;
      this.moved.clear();
      return true;
    } catch (error) {
      if (work === this.work) this.failure = sentence(error);
      return false;
    } finally {
      if (work === this.work) this.busy = false;
    }
  }

  /** Ask what each unit responds to, with a pattern of the person's. */
  async find(pattern: string | null): Promise<void> {
    this.finding?.stop();
    this.findFailure = null;
    if (!this.trace || this.tokens.length < LEAST) {
      this.share = null;
      return;
    }
    this.share = 0;
    const finding = this.place().models.inside(this.model, this.text, pattern, (share) => {
      if (this.finding === finding) this.share = share;
    });
    this.finding = finding;
    try {
      const found = await finding.result;
      if (this.finding === finding) this.findings = found;
    } catch (error) {
      if (this.finding === finding) this.findFailure = sentence(error);
    } finally {
      if (this.finding === finding) {
        this.finding = null;
        this.share = null;
      }
    }
  }

  /** Ask what moved the prediction of token `token`. */
  async move(token: number): Promise<void> {
    const work = this.work;
    const known = this.moved.get(token);
    if (known) {
      this.saliency = known;
      return;
    }
    try {
      const found = await this.place().models.saliency(this.model, this.text, token, null);
      if (work !== this.work) return;
      this.moved.set(token, found);
      this.saliency = found;
    } catch (error) {
      if (work === this.work) this.findFailure = sentence(error);
    }
  }

  close(): void {
    this.work++;
    this.finding?.stop();
    this.finding = null;
  }
}
