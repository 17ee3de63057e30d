/**
 * What a person has set for a training, and what holds where they said nothing. The fields come
 * from the option classes' JSON schema; the address holds what was set, under the same names.
 */

import type { Params } from "../../app/router.svelte.ts";
import type { OptionField, OptionGroup, Preset } from "../../place/types.ts";

/** Groups of a training; what is set for writing belongs to another screen. */
export const trainingGroups = (groups: OptionGroup[]): OptionGroup[] =>
  groups.filter((group) => group.name !== "sampling");

export const BUDGETS = ["seconds", "epochs", "steps"] as const;
export type Budget = (typeof BUDGETS)[number];

/** The fields of the classic browser demo, in its order, by what it called them. */
export const CLASSIC: Record<string, string> = {
  sizes: 'In the classic browser demo: "LSTM layer size(s)", such as 128 or 100, 50.',
  batch_size: 'In the classic browser demo: "Batch size".',
  learning_rate: 'In the classic browser demo: "Learning rate".',
  window: 'In the classic browser demo: "Sample length", 40 there.',
  stride: 'In the classic browser demo: "Step length", 3 there.',
  objective: 'The classic browser demo learns only from the "last" position of each window.',
  dropout: "Automatic: the shorter the text, the more.",
  validation: 'In the classic browser demo: "Validation split".',
};

/** Found by the place itself where nothing is said, whatever the schema's default is. */
const AUTOMATIC = ["dropout"];

/** Shown at once; every other setting lies in the drawer. */
export const FIRST = ["sizes", "batch_size", "window", "learning_rate", "dropout", "schedule"];

/** What the studio asks for where a person says nothing: to watch it learn from the first step. */
export const STUDIO: Record<string, unknown> = {
  sample_temperatures: [0, 0.25, 0.5, 0.75],
  sample_threshold: 0,
};

export type Kind = "switch" | "choice" | "several" | "number" | "list" | "text";

export interface Setting {
  name: string;
  group: string;
  field: OptionField;
  kind: Kind;
  whole: boolean;
  /** May be left to be found automatically. */
  optional: boolean;
  min: number | undefined;
  max: number | undefined;
  unavailable: string | undefined;
}

/** Return every setting of the groups by name. */
export function settingsOf(groups: OptionGroup[]): Map<string, Setting> {
  const found = new Map<string, Setting>();
  for (const group of trainingGroups(groups)) {
    for (const [name, field] of Object.entries(group.schema.properties)) {
      found.set(name, describe(name, group, field));
    }
  }
  return found;
}

function describe(name: string, group: OptionGroup, field: OptionField): Setting {
  const inner = field.anyOf?.find((one) => one.type !== "null") ?? field;
  const of = { ...field, ...inner };
  return {
    name,
    group: group.name,
    field: of,
    kind: kindOf(of),
    whole: of.type === "integer" || of.items?.type === "integer",
    optional:
      AUTOMATIC.includes(name) || (field.anyOf?.some((one) => one.type === "null") ?? false),
    min: of.minimum ?? of.exclusiveMinimum,
    max: of.maximum ?? of.exclusiveMaximum,
    unavailable: group.unavailable[name],
  };
}

function kindOf(field: OptionField): Kind {
  if (field.enum) return "choice";
  if (field.type === "boolean") return "switch";
  if (field.type === "integer" || field.type === "number") return "number";
  if (field.type === "array") return field.items?.enum ? "several" : "list";
  return "text";
}

/** Return what a person set, from the address. */
export function chosen(params: Params, settings: Map<string, Setting>): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(params)) {
    const setting = settings.get(name);
    if (setting) values[name] = read(setting, text);
  }
  return values;
}

/** Return the value that a text in the address or in a field means. */
export function read(setting: Setting, text: string): unknown {
  switch (setting.kind) {
    case "switch":
      return text === "true";
    case "number":
      return Number(text);
    case "several":
      return text.split(/[\s,;]+/).filter(Boolean);
    case "list":
      return text
        .split(/[\s,;]+/)
        .filter(Boolean)
        .map(Number);
    default:
      return text;
  }
}

/** Return a value as a text for the address or a field. */
export function write(value: unknown): string {
  if (value === null || value === undefined) return "";
  return Array.isArray(value) ? value.join(", ") : String(value);
}

/** Return what holds for a setting where a person says nothing. */
export function fallback(setting: Setting, preset: Preset | undefined): unknown {
  if (AUTOMATIC.includes(setting.name)) return preset?.values[setting.name] ?? null;
  return preset?.values[setting.name] ?? STUDIO[setting.name] ?? setting.field.default ?? null;
}

/** Return what is wrong with a value, as a sentence, or null. */
export function wrong(setting: Setting, value: unknown): string | null {
  if (value === null && setting.optional) return null;
  if (setting.kind === "several") {
    return (value as unknown[]).length ? null : "Choose at least one.";
  }
  const { field } = setting;
  const items = setting.kind === "list" ? (value as number[]) : [value];
  const bounds = setting.kind === "list" ? (field.items ?? {}) : field;
  if (setting.kind === "list" && !items.length) return "At least one number is needed.";
  if (setting.kind !== "number" && setting.kind !== "list") return null;
  for (const item of items as (number | null)[]) {
    if (item === null) continue;
    if (!Number.isFinite(item)) return "This is not a number.";
    if (setting.whole && !Number.isInteger(item)) return "This must be a whole number.";
    if (bounds.minimum !== undefined && item < bounds.minimum) return `At least ${bounds.minimum}.`;
    if (bounds.exclusiveMinimum !== undefined && item <= bounds.exclusiveMinimum)
      return `More than ${bounds.exclusiveMinimum}.`;
    if (bounds.maximum !== undefined && item > bounds.maximum) return `At most ${bounds.maximum}.`;
    if (bounds.exclusiveMaximum !== undefined && item >= bounds.exclusiveMaximum)
      return `Less than ${bounds.exclusiveMaximum}.`;
  }
  return null;
}
