/** Watching a run, whichever tab it trains in: what is kept of it, then what is told. */

import type { RunEntry, RunEvent } from "../types.ts";
import { database, eventsFrom } from "./database.ts";
import { channelOf, lockOf, type Message } from "./training/channel.ts";

/** Whether a run trains, or rests in a pause, by what is said of it. */
export const trains = ({ status }: RunEntry): boolean =>
  status === "running" || status === "paused";

/** Hears a run's events in order: those in the database, then those of its channel. */
export class Watcher {
  private next = 0;
  private stopped = false;
  private ready = false;
  private mourns = false;
  /** Something was missed, or what was heard is void: the database has to be read again. */
  private behind = false;
  private stale = false;
  private reading: Promise<void> | null = null;
  private readonly channel: BroadcastChannel;
  private readonly end = new AbortController();

  constructor(
    private readonly id: string,
    private readonly hear: (events: RunEvent[], anew?: boolean) => void,
    private readonly lost: ((why: string | null) => void) | undefined,
    private readonly stand: () => Promise<RunEntry>,
  ) {
    this.channel = channelOf(id);
    this.channel.onmessage = ({ data }: MessageEvent<Message>) => this.receive(data);
    this.begin().catch(this.fail);
  }

  stop(): void {
    this.stopped = true;
    this.end.abort();
    this.channel.close();
  }

  private async begin(): Promise<void> {
    // How it stands first: its end is kept together with its last events, so that they are here then.
    const run = await this.stand();
    const chunks = await (await database()).getAll("events", eventsFrom(this.id));
    if (this.stopped) return;
    const past = chunks.flatMap(({ events }) => events);
    this.next = past.length;
    this.ready = true;
    this.hear([...past, { event: "status", run }]);
    this.channel.postMessage({ kind: "ask" } satisfies Message);
    if (trains(run)) this.mourn().catch(this.fail);
  }

  /** Say how the run stands once whoever trains it is gone, whatever the reason. */
  private async mourn(): Promise<void> {
    if (this.mourns) return;
    this.mourns = true;
    const { signal } = this.end;
    try {
      await navigator.locks.request(lockOf(this.id), { signal, mode: "shared" }, () => undefined);
    } catch {
      return; // nobody watches any more
    }
    this.mourns = false;
    // The last events may still be on their way here; all of them are kept by now.
    await this.catchUp();
    const run = await this.stand();
    if (!this.stopped) this.hear([{ event: "status", run }]);
  }

  /** What is kept cannot be read. */
  private readonly fail = (error: unknown): void => this.lost?.((error as Error).message);

  private recover(): void {
    this.catchUp().catch(this.fail);
  }

  /** Hear what the database has and this has not heard, as when a save came between two looks. */
  private catchUp(): Promise<void> {
    this.behind = true;
    this.reading ??= this.read();
    return this.reading;
  }

  private async read(): Promise<void> {
    try {
      while (this.behind && !this.stopped) {
        this.behind = false;
        const chunks = await (await database()).getAll("events", eventsFrom(this.id));
        if (this.stopped) return;
        const past = chunks.flatMap(({ events }) => events);
        const anew = this.stale;
        this.stale = false;
        if (anew) this.hear(past, true);
        else if (past.length > this.next) this.hear(past.slice(this.next));
        this.next = anew ? past.length : Math.max(this.next, past.length);
      }
    } finally {
      this.reading = null;
    }
    if (!this.stopped) this.channel.postMessage({ kind: "ask" } satisfies Message);
  }

  private receive(message: Message): void {
    if (!this.ready || this.stopped) return;
    if (message.kind === "rewound") {
      this.stale ||= message.count < this.next;
      if (this.stale) this.recover();
      this.mourn().catch(this.fail);
    }
    if (message.kind === "entry") {
      this.hear([{ event: "status", run: message.entry }]);
    }
    if (message.kind !== "events") return;
    const { first, events } = message;
    if (this.stale) return;
    if (first > this.next) return this.recover();
    const fresh = events.slice(Math.max(0, this.next - first));
    if (!fresh.length) return;
    this.next = first + events.length;
    this.hear(fresh);
  }
}
