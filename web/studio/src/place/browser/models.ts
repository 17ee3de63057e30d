/** The models in this browser: those that were kept or brought, and the best one of every run. */

import { proxy } from "comlink";
import { configError } from "../../../../kernel/src/errors.ts";
import type { Models, Progress, Running } from "../place.ts";
import type {
  Continuation,
  CopiesAnswer,
  GenerateRequest,
  InsideAnswer,
  ModelEntry,
  Piece,
  SaliencyAnswer,
  TraceAnswer,
} from "../types.ts";
import { work } from "./corpora.ts";
import { database, plain, save } from "./database.ts";
import { cleanName, RUN_MODEL } from "./entries.ts";
import { askToPersist } from "./quota.ts";
import type { BrowserRuns } from "./runs.ts";

export class BrowserModels implements Models {
  private jobs = 0;

  constructor(private readonly runs: BrowserRuns) {}

  async list(): Promise<ModelEntry[]> {
    const found = await (await database()).getAll("models");
    return found.sort((a, b) => b.created.localeCompare(a.created));
  }

  async get(id: string): Promise<ModelEntry> {
    const found = await (await database()).get("models", id);
    if (!found) throw configError("There is no such model here; it may have been removed.");
    return found;
  }

  add(name: string, data: Blob): Promise<ModelEntry> {
    void askToPersist();
    return work().addModel(cleanName(name, "model"), data);
  }

  async file(id: string): Promise<Blob> {
    const found = await (await database()).get("files", id);
    if (!found) throw configError("There is no such model here; it may have been removed.");
    return new Blob([found as Uint8Array<ArrayBuffer>], { type: "application/octet-stream" });
  }

  async rename(id: string, name: string): Promise<ModelEntry> {
    if (id.startsWith(RUN_MODEL)) await this.runs.rename(id.slice(RUN_MODEL.length), name);
    else {
      const next = { ...(await this.get(id)), name: cleanName(name, "model") };
      await save(["models"], (transaction) => void transaction.objectStore("models").put(next));
    }
    return this.get(id);
  }

  async remove(id: string): Promise<void> {
    if (id.startsWith(RUN_MODEL) && (await this.runs.has(id.slice(RUN_MODEL.length)))) {
      throw configError("This model belongs to its run; remove the run, or keep both.");
    }
    await save(["models", "files"], (transaction) => {
      void transaction.objectStore("models").delete(id);
      void transaction.objectStore("files").delete(id);
    });
  }

  generate(id: string, request: GenerateRequest, hear: (piece: Piece) => void): Running<void> {
    let ended = false;
    return this.run(
      (job) =>
        work().generate(
          job,
          id,
          plain(request),
          proxy(async (piece: Piece) => {
            if (!ended) hear(piece);
          }),
        ),
      () => {
        ended = true;
      },
    );
  }

  next(id: string, text: string, count: number): Promise<Continuation[]> {
    return work().next(id, text, count);
  }

  copies(id: string, text: string): Promise<CopiesAnswer> {
    return work().copies(id, text);
  }

  trace(id: string, text: string): Promise<TraceAnswer> {
    return work().trace(id, text);
  }

  saliency(
    id: string,
    text: string,
    position: number,
    target: string | null,
  ): Promise<SaliencyAnswer> {
    return work().saliency(id, text, position, target);
  }

  inside(
    id: string,
    text: string,
    pattern: string | null,
    progress?: Progress,
  ): Running<InsideAnswer> {
    const tell = proxy(async (share: number) => progress?.(share));
    return this.run((job) => work().inside(job, id, text, pattern, tell));
  }

  private run<T>(begin: (job: number) => Promise<T>, stopped?: () => void): Running<T> {
    const job = ++this.jobs;
    return {
      result: begin(job),
      stop: () => {
        stopped?.();
        void work().stop(job);
      },
    };
  }
}
