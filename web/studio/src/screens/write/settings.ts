/** The settings of the Write screen, and how the page's address holds them. */

import type { OptionField, OptionGroup } from "../../place/types.ts";
import { type Address, numberOf } from "./address.ts";
import type { Rules } from "./takes.ts";

/** What one of the two texts has for itself. */
export interface Voice {
  model: string;
  temperature: number;
  path: string | null;
}

export interface Settings {
  prime: string;
  length: number;
  seed: string;
  sample: number;
  top_k: number;
  top_p: number;
  min_p: number;
  unknown: Rules["unknown"];
  beside: boolean;
  voices: [Voice, Voice];
  colours: boolean;
  strip: boolean;
}

/** Return what a place says of the rules of drawing. */
export const samplingOf = (groups: OptionGroup[]): Record<string, OptionField> =>
  groups.find(({ name }) => name === "sampling")?.schema.properties ?? {};

/** A beginning longer than this does not fit into an address that every browser takes. */
export const LONGEST_PRIME = 4000;
/** Seeds have 64 bits. */
const SEED = /^\d{1,20}$/;

export function seedProblem(seed: string): string | null {
  if (SEED.test(seed) && BigInt(seed) < 2n ** 64n) return null;
  return "A seed is a whole number from 0 to 18,446,744,073,709,551,615.";
}

export function readSettings(address: Address): Settings {
  const seed = address.get("seed") ?? "0";
  const voice = (end: string, temperature: number): Voice => ({
    model: address.get(`model${end}`) ?? "",
    temperature: numberOf(address, `temperature${end}`, 0, 10, temperature),
    path: address.get(`path${end}`),
  });
  return {
    prime: address.get("prime") ?? "",
    length: Math.round(numberOf(address, "length", 0, 100_000, 500)),
    seed: seedProblem(seed) ? "0" : seed,
    sample: Math.round(numberOf(address, "sample", 0, 999_999, 0)),
    top_k: Math.round(numberOf(address, "top_k", 0, 1_000_000, 0)),
    top_p: numberOf(address, "top_p", 0.001, 1, 1),
    min_p: numberOf(address, "min_p", 0, 1, 0),
    unknown: address.get("unknown") === "replace" ? "replace" : "refuse",
    beside: address.get("beside") === "1",
    voices: [voice("", 0.8), voice("_2", 0.5)],
    colours: address.get("colours") !== "0",
    strip: address.get("strip") === "1",
  };
}

/** The same settings as an address; what is as it was to begin with is left out. */
export function addressOf(settings: Settings): Record<string, string | null> {
  const said = (value: number, otherwise: number): string | null =>
    value === otherwise ? null : String(value);
  const [first, second] = settings.voices;
  return {
    prime: settings.prime && settings.prime.length <= LONGEST_PRIME ? settings.prime : null,
    length: said(settings.length, 500),
    seed: settings.seed === "0" ? null : settings.seed,
    sample: said(settings.sample, 0),
    top_k: said(settings.top_k, 0),
    top_p: said(settings.top_p, 1),
    min_p: said(settings.min_p, 0),
    unknown: settings.unknown === "replace" ? "replace" : null,
    beside: settings.beside ? "1" : null,
    model: first.model || null,
    temperature: said(first.temperature, 0.8),
    path: first.path,
    model_2: settings.beside ? second.model || null : null,
    temperature_2: settings.beside ? said(second.temperature, 0.5) : null,
    path_2: settings.beside ? second.path : null,
    colours: settings.colours ? null : "0",
    strip: settings.strip ? "1" : null,
  };
}

export function rulesOf(settings: Settings, voice: Voice): Rules {
  return {
    seed: settings.seed,
    sample: settings.sample,
    temperature: voice.temperature,
    top_k: settings.top_k,
    top_p: settings.top_p,
    min_p: settings.min_p,
    stop: [],
    unknown: settings.unknown,
  };
}
