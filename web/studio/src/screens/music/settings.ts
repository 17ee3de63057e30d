/** What is set on the screen of music, in the page's address, and as a request. */

import type { ComposeRequest, PieceDocument } from "../../place/music.ts";
import type { ModelEntry } from "../../place/types.ts";
import { numberOf, type Address } from "../write/address.ts";

export interface Settings {
  model: string;
  seed: string;
  length: number;
  temperature: number;
  top_p: number;
  key: string;
  metre: string;
  bars: number | null;
  tempo: number | null;
  rules: boolean;
  from: "nothing" | "go on" | "harmonise";
  prime_bars: number | null;
  /** Numbers of voices, as they are typed. */
  given: string;
  voices: number;
}

type Vocabulary = "abc" | "polyphony" | "performance";

/** What a model's tokens are. */
export function vocabularyOf({ document }: ModelEntry): Vocabulary {
  const task = document.task as { vocabulary?: { kind?: Vocabulary } } | undefined;
  return task?.vocabulary?.kind ?? "abc";
}

export function readSettings(address: Address): Settings {
  const optional = (name: string, low: number, high: number): number | null =>
    address.get(name) ? numberOf(address, name, low, high, low) : null;
  return {
    model: address.get("model") ?? "",
    seed: address.get("seed") ?? "0",
    length: numberOf(address, "length", 1, 20_000, 2000),
    temperature: numberOf(address, "t", 0, 10, 0.8),
    top_p: numberOf(address, "p", 0.001, 1, 1),
    key: address.get("key") ?? "",
    metre: address.get("metre") ?? "",
    bars: optional("bars", 1, 512),
    tempo: optional("tempo", 4, 1000),
    rules: address.get("rules") !== "off",
    from: "nothing",
    prime_bars: null,
    given: "1",
    voices: 4,
  };
}

export function addressOf(settings: Settings): Record<string, string | null> {
  return {
    model: settings.model || null,
    seed: settings.seed === "0" ? null : settings.seed,
    length: settings.length === 2000 ? null : String(settings.length),
    t: settings.temperature === 0.8 ? null : String(settings.temperature),
    p: settings.top_p === 1 ? null : String(settings.top_p),
    key: settings.key || null,
    metre: settings.metre || null,
    bars: settings.bars === null ? null : String(settings.bars),
    tempo: settings.tempo === null ? null : String(settings.tempo),
    rules: settings.rules ? null : "off",
  };
}

/** The request that settings mean; what a kind of model does not know is left out. */
export function requestOf(
  settings: Settings,
  kind: Vocabulary,
  prime: PieceDocument | null,
): ComposeRequest {
  const { seed, length, temperature, top_p, tempo, voices, prime_bars } = settings;
  const barred = kind !== "performance";
  const given = settings.from === "harmonise" ? settings.given.match(/\d+/g) : null;
  return {
    ...{ seed, length, temperature, top_p, tempo, voices },
    ...{ top_k: 0, min_p: 0, endings: 8, particles: 32, title: "" },
    key: (barred && settings.key.trim()) || null,
    metre: (barred && settings.metre.trim()) || null,
    bars: barred ? settings.bars : null,
    rules: settings.rules,
    prime: settings.from === "nothing" ? null : prime,
    prime_bars: settings.from === "go on" ? prime_bars : null,
    given: given?.map(Number) ?? [],
  };
}
