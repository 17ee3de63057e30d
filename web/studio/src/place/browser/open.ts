/** This browser as a place to work: a Worker with the kernel, and IndexedDB. */

import { workOffline } from "../../offline/register.ts";
import type { Place } from "../place.ts";
import type { OptionGroup, PlaceFacts, Preset } from "../types.ts";
import { BrowserCorpora } from "./corpora.ts";
import { database } from "./database.ts";
import { BrowserModels } from "./models.ts";
import { optionGroups, presets, VERSION } from "./options.ts";
import { describeEngine, plan } from "./plan.ts";
import { estimate } from "./quota.ts";
import { BrowserRuns } from "./runs.ts";

class BrowserPlace implements Place {
  readonly kind = "browser";
  readonly corpora = new BrowserCorpora();
  readonly runs = new BrowserRuns(this.corpora);
  readonly models = new BrowserModels(this.runs);

  async facts(): Promise<PlaceFacts> {
    return {
      kind: "browser",
      version: VERSION,
      engine: describeEngine(),
      threads: plan().threads,
      upload_limit: null,
      storage: await estimate(),
      device: "no GPU",
    };
  }

  options(_kind?: string, all = false): Promise<OptionGroup[]> {
    return optionGroups(all);
  }

  presets(): Promise<Preset[]> {
    return Promise.resolve(presets());
  }
}

/** Open what this browser keeps. Throws where it keeps nothing: in some private windows. */
export async function openBrowserPlace(): Promise<Place> {
  plan();
  await database();
  workOffline();
  return new BrowserPlace();
}
