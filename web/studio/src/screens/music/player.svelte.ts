/** Plays a piece: notes are handed to the sound a little ahead, and the place is told each frame. */

import type { HeardNote, TuneFacts } from "../../place/music.ts";
import { Piano } from "./tone.ts";

/** How far ahead notes are handed over, and how often, in seconds. */
const AHEAD_S = 0.4;
const TURN_MS = 100;

export class Player {
  playing = $state(false);
  /** Seconds of the piece at its own tempo. */
  position = $state(0);
  /** Share of the piece's own tempo. */
  rate = $state(1);
  loop = $state(false);
  /** Seconds of the audio clock, which runs only while sound does. */
  clock = $state(0);

  private tune: TuneFacts | null = null;
  private notes: HeardNote[] = [];
  private context: AudioContext | null = null;
  private piano: Piano | null = null;
  /** Where in the piece, and when by the audio clock, playing began. */
  private began = { position: 0, clock: 0 };
  private next = 0;
  private timer: ReturnType<typeof setInterval> | undefined;
  private frame = 0;

  /** Take another piece, from its beginning. */
  load(tune: TuneFacts | null): void {
    this.pause();
    this.tune = tune;
    this.notes = [...(tune?.notes ?? [])].sort((a, b) => a.start - b.start);
    this.position = 0;
  }

  get duration(): number {
    return this.tune?.duration ?? 0;
  }

  get state(): string {
    return this.context?.state ?? "none";
  }

  async play(): Promise<void> {
    if (this.playing || !this.notes.length) return;
    // A browser lets a page sound only once somebody has pressed something.
    this.context ??= new AudioContext({ latencyHint: "playback" });
    this.piano ??= new Piano(this.context);
    if (this.context.state !== "running") await this.context.resume();
    if (this.position >= this.duration - 0.01) this.position = 0;
    this.playing = true;
    this.begin();
    this.timer = setInterval(() => this.hand(), TURN_MS);
    const look = (): void => {
      this.look();
      if (this.playing) this.frame = requestAnimationFrame(look);
    };
    this.frame = requestAnimationFrame(look);
  }

  pause(): void {
    if (!this.playing) return;
    this.position = this.now();
    this.halt();
  }

  stop(): void {
    this.halt();
    this.position = 0;
  }

  seek(position: number): void {
    this.position = Math.max(0, Math.min(position, this.duration));
    if (this.playing) this.begin();
  }

  /** Play faster or slower; the pitch stays. */
  setRate(rate: number): void {
    if (this.playing) this.position = this.now();
    this.rate = rate;
    if (this.playing) this.begin();
  }

  close(): void {
    this.halt();
    void this.context?.close();
    this.context = this.piano = null;
  }

  private halt(): void {
    this.playing = false;
    clearInterval(this.timer);
    cancelAnimationFrame(this.frame);
    this.piano?.hush();
  }

  private begin(): void {
    this.piano!.hush();
    this.began = { position: this.position, clock: this.context!.currentTime + 0.05 };
    this.next = this.notes.findIndex((note) => note.start >= this.position - 1e-6);
    if (this.next < 0) this.next = this.notes.length;
    this.hand();
  }

  private now(): number {
    const passed = Math.max(0, this.context!.currentTime - this.began.clock);
    return Math.min(this.duration, this.began.position + passed * this.rate);
  }

  private hand(): void {
    const until = this.now() + AHEAD_S * this.rate;
    for (; this.next < this.notes.length; this.next++) {
      const note = this.notes[this.next]!;
      if (note.start > until) return;
      const when = this.began.clock + (note.start - this.began.position) / this.rate;
      const seconds = (note.end - note.start) / this.rate;
      this.piano!.strike(note, Math.max(when, this.context!.currentTime), seconds);
    }
  }

  private look(): void {
    if (!this.playing) return;
    this.position = this.now();
    this.clock = this.context!.currentTime;
    if (this.position < this.duration) return;
    if (this.loop) {
      this.position = 0;
      this.begin();
    } else this.halt();
  }
}
