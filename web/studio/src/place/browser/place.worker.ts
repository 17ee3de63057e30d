/**
 * The script of every Worker of this place, whose name says what it does: they share most of what
 * they are made of, so it is loaded once.
 */

import { beThread } from "../../../../kernel/src/pool.ts";
import type { WorkerName } from "./start-worker.ts";
import { live } from "./training/life.ts";
import { serve } from "./work/work.ts";

const LIVES: Record<WorkerName, () => void> = { training: live, work: serve, thread: beThread };

LIVES[self.name as WorkerName]();
