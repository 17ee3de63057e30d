/** What is looked at on the Inside screen, and how the page's address holds it. */

import type { TraceAnswer } from "../../place/types.ts";
import { type Address, numberOf } from "../write/address.ts";
import type { UnitName } from "./analysis.ts";
import { MODES, type Mode, modesOf } from "./colours.ts";

export type Source = "typed" | "written" | "passage";
export type Tab = "units" | "raster" | "memory" | "passage" | "cell";
const TABS: readonly Tab[] = ["units", "raster", "memory", "passage", "cell"];

/** A text longer than this does not fit into an address that every browser takes. */
const LONGEST_TEXT = 4000;

export class View {
  model = $state("");
  text = $state("");
  source = $state<Source>("typed");
  /** Which random passage of the corpus it is, if it is one, and its length. */
  passage = $state<number | null>(null);
  length = $state(3000);
  pattern = $state("");
  unit = $state.raw<UnitName>({ layer: 0, unit: 0 });
  mode = $state<Mode>("c");
  cursor = $state(-1);
  range = $state.raw<[number, number] | null>(null);
  tab = $state<Tab>("units");
  /** Whether the unit was chosen, by a person or a link. */
  private chosen = $state(false);

  constructor(address: Address) {
    this.model = address.get("model") ?? "";
    this.text = address.get("text") ?? "";
    this.pattern = address.get("pattern") ?? "";
    if (address.get("from") === "write") this.source = "written";
    if (address.get("passage") !== null) {
      this.source = "passage";
      this.passage = Math.round(numberOf(address, "passage", 0, 2 ** 31, 0));
    }
    this.length = Math.round(numberOf(address, "length", 200, 20_000, 3000));
    const unit = /^(\d{1,3}):(\d{1,6})$/.exec(address.get("unit") ?? "");
    if (unit) {
      this.unit = { layer: Number(unit[1]), unit: Number(unit[2]) };
      this.chosen = true;
    }
    const mode = MODES.find((one) => one === address.get("colour"));
    if (mode) this.mode = mode;
    this.cursor = Math.round(numberOf(address, "at", -1, 1e6, -1));
    this.tab = TABS.find((one) => one === address.get("view")) ?? "units";
    const range = /^(\d{1,6})-(\d{1,6})$/.exec(address.get("range") ?? "");
    if (range && Number(range[1]) < Number(range[2])) {
      this.range = [Number(range[1]), Number(range[2])];
    }
  }

  /** The same as an address; what is as it was to begin with is left out. */
  said(): Record<string, string | null> {
    const short = this.text.length <= LONGEST_TEXT && this.source === "typed";
    return {
      model: this.model || null,
      text: short && this.text ? this.text : null,
      from: this.source === "written" ? "write" : null,
      passage: this.source === "passage" && this.passage !== null ? String(this.passage) : null,
      length: this.length === 3000 ? null : String(this.length),
      pattern: this.pattern || null,
      unit: this.chosen ? `${this.unit.layer}:${this.unit.unit}` : null,
      colour: this.mode === "c" ? null : this.mode,
      at: this.cursor < 0 ? null : String(this.cursor),
      view: this.tab === "units" ? null : this.tab,
      range: this.range ? this.range.join("-") : null,
    };
  }

  pick(unit: UnitName): void {
    this.chosen = true;
    this.unit = { layer: unit.layer, unit: unit.unit };
    if (this.mode === "surprise" || this.mode === "influence") this.mode = "c";
  }

  /** Show a unit unless one was chosen. */
  suggest(unit: UnitName): void {
    if (!this.chosen) this.unit = { layer: unit.layer, unit: unit.unit };
  }

  /** Keep within a new trace: another model may have fewer units, another text fewer characters. */
  settle(trace: TraceAnswer | null): void {
    if (!trace) return;
    const last = trace.tokens.length - 2;
    const size = trace.sizes[this.unit.layer];
    if (size === undefined || this.unit.unit >= size) {
      this.unit = { layer: 0, unit: 0 };
      this.chosen = false;
    }
    const modes = modesOf(trace);
    if (!modes.includes(this.mode)) this.mode = modes[0]!;
    this.cursor = Math.min(last, this.cursor < 0 ? Math.min(40, last) : this.cursor);
    if (this.range && this.range[1] > last + 1) this.range = null;
  }
}
