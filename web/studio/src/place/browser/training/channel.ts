/**
 * What a training and those who watch it say to each other, over a BroadcastChannel a run: so every
 * tab can watch and command a run, whichever tab it lives in.
 */

import type { ErrorKind } from "../../../../../kernel/src/errors.ts";
import type { RunEntry, RunEvent } from "../../types.ts";

export type Command = "pause" | "step" | "resume" | "stop" | "save" | "rename";

export type Message =
  /** From the training: events, numbered from the run's first. */
  | { kind: "events"; first: number; events: RunEvent[]; entry: RunEntry }
  /** From the training: it goes on from a checkpoint, and events from this number on are void. */
  | { kind: "rewound"; count: number }
  | { kind: "entry"; entry: RunEntry }
  | { kind: "answer"; call: string; error: { kind: ErrorKind; message: string } | null }
  /** To the training: tell the events that are not in the database yet. */
  | { kind: "ask" }
  | { kind: "command"; call: string; command: Command; name: string | null };

export const channelOf = (run: string): BroadcastChannel =>
  new BroadcastChannel(`recurra-run-${run}`);

/** Where every training tells how it stands, for the lists of all tabs. */
export const standings = (): BroadcastChannel => new BroadcastChannel("recurra-runs");

/** Whoever trains a run holds this lock; so nobody else does, and its end is noticed. */
export const lockOf = (run: string): string => `recurra-run-${run}`;
