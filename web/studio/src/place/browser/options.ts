/**
 * Every setting of a training, sorted into its class over those of a preset, as
 * tasks/text/settings.py does it. Names, defaults, bounds and help come from the option classes, by
 * way of options.json and meanings.json (tools/web_options.py writes them).
 */

import { configError } from "../../../../kernel/src/errors.ts";
import { CELL_FLAGS, OPTIMISER } from "../../../../kernel/src/options.ts";
import type { OptionField, OptionGroup, OptionSchema, Preset } from "../types.ts";
import data from "./options.json";
import {
  BUDGETS,
  type DropoutPreset,
  type SettingsByClass,
  type TextSettings,
  type TrainSettings,
} from "./settings.ts";

interface PresetData {
  name: string;
  about: string;
  values: Record<string, unknown>;
  dropout_at_1m: number;
  reads: number;
  parameters: number;
}

interface GroupData {
  name: string;
  title: string;
  schema: OptionSchema;
}

const GROUPS = data.groups as unknown as GroupData[];
/** Names of the settings of each class; how a model writes is asked at each time, so it has none. */
const CLASSES = data.classes as Record<string, string[]>;
const FIELDS: Record<string, OptionField> = Object.assign(
  {},
  // Writing has a seed of its own.
  ...GROUPS.filter(({ name }) => name !== "sampling").map(({ schema }) => schema.properties),
);
const PRESETS = data.presets as unknown as PresetData[];
export const VERSION: string = data.version;
export const DEFAULT_PRESET: string = data.default_preset;

const ELSEWHERE = "Words and subwords are learned on this computer, with the Python library.";
const UNAVAILABLE: Record<string, string> = {
  vocabulary_size: ELSEWHERE,
  split_by: "A text in this browser is one document, so its end is held out.",
};
const ENGINE =
  "This browser computes in float32 with the kernel's WebAssembly, and chooses the rest.";
/** Choices that this place has, where it has not all of them. */
const CHOICES: Record<string, string[]> = { vocabulary: ["characters", "bytes"] };

/**
 * Return the groups of settings as a form shows them; with `all`, what each means, where it else is
 * told only for what a form shows at once.
 */
export async function optionGroups(all: boolean): Promise<OptionGroup[]> {
  const meanings: Record<string, Record<string, string>> = all
    ? (await import("./meanings.json")).default
    : {};
  return GROUPS.map(({ name, title, schema }) => {
    const described = Object.entries(meanings[name] ?? {}).map(
      ([field, description]): [string, OptionField] => [
        field,
        { ...schema.properties[field], description },
      ],
    );
    const fields = Object.entries({ ...schema.properties, ...Object.fromEntries(described) });
    const properties = Object.fromEntries(
      fields.map(([field, how]) => [
        field,
        CHOICES[field] ? { ...how, enum: CHOICES[field] } : how,
      ]),
    );
    const unavailable = Object.fromEntries(
      fields.flatMap(([field]) => {
        const reason = whyNot(field);
        return reason ? [[field, reason]] : [];
      }),
    );
    return { name, title, schema: { ...schema, properties }, unavailable };
  });
}

function whyNot(field: string): string | undefined {
  const home = classOf(field);
  if (home === "engine") return ENGINE;
  const isNew =
    (home === "cell" && field !== "forget_bias" && !CELL_FLAGS.some((flag) => flag === field)) ||
    (home === "optimiser" && !(field in OPTIMISER));
  if (isNew) return "This browser's kernel does not have it yet; this computer does.";
  return UNAVAILABLE[field];
}

const classOf = (field: string): string | undefined =>
  Object.keys(CLASSES).find((name) => CLASSES[name]!.includes(field));

export function presets(): Preset[] {
  return PRESETS.map(({ name, about, values, parameters }) => ({
    name,
    about,
    values,
    parameters,
  }));
}

/**
 * Sort settings by name into their classes, over those of the preset, and check each against its
 * schema. Throws ConfigError naming the setting.
 */
export function gather(values: Record<string, unknown>, preset: string | null): SettingsByClass {
  const chosen = findPreset(preset);
  const budgets = BUDGETS.filter((name) => values[name] !== undefined && values[name] !== null);
  if (budgets.length > 1) {
    throw configError(
      `a run has one budget, but ${budgets.join(" and ")} are given; drop one.`,
      budgets[1],
    );
  }
  const below = Object.entries(chosen.values).filter(
    ([name]) => !(budgets.length && BUDGETS.some((one) => one === name)),
  );
  const found: Record<string, Record<string, unknown>> = {};
  for (const [name, fields] of Object.entries(CLASSES)) {
    found[name] = Object.fromEntries(
      fields.map((field) => [field, FIELDS[field]!.default ?? null]),
    );
  }
  const above = Object.entries(values).filter(([name]) => name !== "cell");
  const cell = Object.entries((values.cell ?? {}) as Record<string, unknown>);
  for (const [name, value] of [...below, ...above, ...cell]) {
    const home = classOf(name);
    if (!home) throw configError(`'${name}' is no setting of a text training.`, name);
    const field = FIELDS[name]!;
    const reason = whyNot(name);
    if (reason && JSON.stringify(value) !== JSON.stringify(field.default ?? null)) {
      throw configError(`${name} cannot be set in this browser. ${reason}`, name);
    }
    found[home]![name] = checked(name, value, field);
  }
  const { text, train } = found as unknown as SettingsByClass;
  together(text, train);
  const { cell: flags, ...rest } = found;
  return { ...rest, stack: { ...found.stack, cell: flags } } as unknown as SettingsByClass;
}

function together(text: TextSettings, train: TrainSettings): void {
  if (text.validation + text.test >= 1) {
    throw configError(
      `validation ${text.validation} and test ${text.test} leave nothing to train on; their sum has ` +
        "to be below 1.",
      "validation",
    );
  }
  const watches = train.patience ? "patience" : train.schedule === "plateau" ? "schedule" : null;
  if (watches && (train.validate_every === 0 || text.validation === 0)) {
    throw configError(
      `${watches} watches the loss on held-out text, but none is looked at; set a validation share ` +
        "and leave validate_every alone.",
      watches,
    );
  }
}

function findPreset(preset: string | null): PresetData {
  const name = preset ?? DEFAULT_PRESET;
  const found = PRESETS.find((one) => one.name === name);
  if (found) return found;
  const known = PRESETS.map((one) => one.name).join(", ");
  throw configError(`preset is '${name}', but the presets are ${known}.`, "preset");
}

/** Return a value as its field has it. "100,50" is a list where a list is wanted. */
function checked(name: string, value: unknown, field: OptionField): unknown {
  const kinds = field.anyOf ?? [field];
  if (value === null || value === undefined || value === "") {
    if (kinds.some(({ type }) => type === "null")) return null;
    if (value === undefined) return field.default;
  }
  const wanted = kinds.find(({ type }) => type !== "null")!;
  const refuse = (has: string): never => {
    throw configError(`${name} is ${JSON.stringify(value)}, but ${has}.`, name);
  };
  const choices = CHOICES[name] ?? wanted.enum;
  if (choices) {
    if (!choices.some((choice) => choice === value)) refuse(`has to be ${choices.join(" or ")}`);
    return value;
  }
  switch (wanted.type) {
    case "boolean":
      return typeof value === "boolean" ? value : refuse("has to be true or false");
    case "string":
      return typeof value === "string" ? value : refuse("has to be a text");
    case "array": {
      const list = Array.isArray(value) ? value : String(value).split(/[\s,]+/);
      const parts = list.filter((part) => part !== "");
      if (!parts.length) refuse("needs at least one number");
      const item = wanted.items ?? { type: "number" };
      return parts.map((part) =>
        checked(name, typeof part === "string" ? Number(part) : part, item),
      );
    }
    default:
      return number(value, wanted, refuse);
  }
}

function number(value: unknown, field: OptionField, refuse: (has: string) => never): number {
  const given = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof given !== "number" || !Number.isFinite(given)) return refuse("has to be a number");
  if (field.type === "integer" && !Number.isInteger(given)) refuse("has to be a whole number");
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = field;
  if (minimum !== undefined && given < minimum) refuse(`has to be at least ${minimum}`);
  if (maximum !== undefined && given > maximum) refuse(`has to be at most ${maximum}`);
  if (exclusiveMinimum !== undefined && given <= exclusiveMinimum) {
    refuse(`has to be above ${exclusiveMinimum}`);
  }
  if (exclusiveMaximum !== undefined && given >= exclusiveMaximum) {
    refuse(`has to be below ${exclusiveMaximum}`);
  }
  return given;
}

/**
 * Return what of a preset the dropout follows from, once the text is read; null where the person or
 * the preset has chosen one.
 */
export function suitsDropout(
  values: Record<string, unknown>,
  preset: string | null,
): DropoutPreset | null {
  const { values: below, dropout_at_1m, reads } = findPreset(preset);
  if ("dropout" in values || "dropout" in below) return null;
  return { dropout_at_1m, reads, seconds: (below.seconds as number | undefined) ?? null };
}
