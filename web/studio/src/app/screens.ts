/** Every screen there is: one line each. What a screen needs is loaded when it is first opened. */

import type { Component } from "svelte";
import type { IconName } from "../design/Icon.svelte";
import Corpus from "../screens/corpus/Corpus.svelte";

interface ScreenFacts {
  title: string;
  icon: IconName;
  /** Screens of texts stand in the bar; those of other kinds in a group of their own. */
  group: "text" | "more";
  load: () => Promise<{ default: Component }>;
}

export const SCREENS = {
  corpus: {
    title: "Corpus",
    icon: "corpus",
    group: "text",
    // The page opens on it: it comes with the page.
    load: () => Promise.resolve({ default: Corpus }),
  },
  train: {
    title: "Train",
    icon: "train",
    group: "text",
    load: () => import("../screens/texts.ts").then(({ Train }) => ({ default: Train })),
  },
  write: {
    title: "Write",
    icon: "write",
    group: "text",
    load: () => import("../screens/texts.ts").then(({ Write }) => ({ default: Write })),
  },
  inside: {
    title: "Inside",
    icon: "inside",
    group: "text",
    load: () => import("../screens/inside/Inside.svelte"),
  },
  models: {
    title: "Models",
    icon: "models",
    group: "text",
    load: () => import("../screens/models/Models.svelte"),
  },
  forecast: {
    title: "Forecast",
    icon: "forecast",
    group: "more",
    load: () => import("../screens/forecast/Forecast.svelte"),
  },
  sequences: {
    title: "Sequences",
    icon: "sequences",
    group: "more",
    load: () => import("../screens/sequences/Sequences.svelte"),
  },
  classify: {
    title: "Classify",
    icon: "classify",
    group: "more",
    load: () => import("../screens/classify/Classify.svelte"),
  },
  music: {
    title: "Music",
    icon: "music",
    group: "more",
    load: () => import("../screens/music/Music.svelte"),
  },
} as const satisfies Record<string, ScreenFacts>;

export type Screen = keyof typeof SCREENS;

const names = Object.keys(SCREENS) as Screen[];
const inGroup = (group: ScreenFacts["group"]): Screen[] =>
  names.filter((name) => (SCREENS[name] as ScreenFacts).group === group);

export const TEXT_SCREENS = inGroup("text");
/** Of other kinds: numbers, music. */
export const MORE_SCREENS = inGroup("more");
