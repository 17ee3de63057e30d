/** What may come next in an ABC tune: tasks/music/grammar.py in TypeScript. */

import type { Mask, Rules } from "./draw.ts";
import { parseMetre } from "./keys.ts";
import { BARS, isSound, isTuplet, SECTIONS, splitLength, tuplet } from "./sound.ts";
import { END, type AbcVocabulary } from "./vocabulary.ts";

/** Eighths; lengths are counted in floats, whose sums are off by less. */
const CLOSE = 1e-6;
/** Share of a bar that the first bar of a part may fill and still be short. */
const SHORT = 0.8;
const GRID = 0.125;
const MARKS = 6;
/** Most grace notes before one note. */
const GRACES = 4;
export const FINAL = ["|]", ":|", "||"];

/** What each token of a vocabulary is, as masks over it. */
export class Table {
  readonly texts: readonly string[];
  readonly metres: Mask;
  readonly keys: Mask;
  readonly sounds: Mask;
  readonly notes: Mask;
  readonly lengths: Float64Array;
  /** Letter of a note without accidental, of whatever octave; "" for everything else. */
  readonly letters: readonly string[];
  readonly bar: Mask;
  readonly sections: Mask;
  readonly final: Mask;
  readonly opening: Mask;
  readonly endings: Mask;
  readonly firstEndings: Mask;
  readonly laterEndings: Mask;
  readonly chords: Mask;
  readonly newMetre: Mask;
  readonly newKey: Mask;
  readonly tuplets: Mask;
  readonly spans: Float64Array;
  readonly tie: Mask;
  readonly graceOpen: Mask;
  readonly graceClose: Mask;
  readonly slurClose: Mask;
  /** Chord symbols, decorations, slurs: they take no time and stand before a note. */
  readonly free: Mask;

  constructor(vocabulary: AbcVocabulary) {
    this.texts = ["", ...vocabulary.tokens.slice(1)];
    const { texts } = this;
    const mask = (wanted: (text: string) => boolean): Mask =>
      Uint8Array.from(texts, (text) => Number(text !== "" && wanted(text)));
    const starting = (start: string): Mask => mask((text) => text.startsWith(start));
    this.metres = starting("M:");
    this.keys = starting("K:");
    this.sounds = mask((text) => isSound(text) && !/^[MK]:/.test(text));
    this.notes = mask((text) => isSound(text) && !text.startsWith("z"));
    this.lengths = Float64Array.from(texts, (text, n) =>
      this.sounds[n] ? splitLength(text)[1].number : 0,
    );
    this.letters = texts.map((text) => (/^[A-Ga-g]/.test(text) ? text[0]!.toUpperCase() : ""));
    this.bar = mask((text) => text === "|");
    this.sections = mask((text) => SECTIONS.has(text));
    this.final = mask((text) => FINAL.includes(text));
    this.opening = mask((text) => text === "|:");
    this.endings = mask((text) => /^\[\d/.test(text));
    this.firstEndings = starting("[1");
    this.laterEndings = mask((text) => /^\[\d/.test(text) && text[1] !== "1");
    this.chords = starting('"');
    this.newMetre = starting("[M:");
    this.newKey = starting("[K:");
    this.tuplets = mask(isTuplet);
    this.spans = Float64Array.from(texts, (text, n) => {
      if (!this.tuplets[n]) return 0;
      const [ratio, count] = tuplet(text);
      return ratio.number * count;
    });
    this.tie = mask((text) => text === "-");
    this.graceOpen = mask((text) => text === "{");
    this.graceClose = mask((text) => text === "}");
    this.slurClose = mask((text) => text === ")");
    const structure = [
      ...[this.metres, this.keys, this.sounds, this.bar, this.sections, this.endings],
      ...[this.newMetre, this.newKey, this.tuplets, this.tie, this.graceClose, this.slurClose],
      this.graceOpen,
    ];
    this.free = Uint8Array.from(texts, (_, n) =>
      Number(n !== END && !structure.some((one) => one[n])),
    );
  }

  named(text: string): Mask {
    return Uint8Array.from(this.texts, (one) => Number(one === text));
  }
}

function add(found: Mask, ...others: Mask[]): void {
  for (const other of others) other.forEach((may, n) => may && (found[n] = 1));
}

/**
 * The state of one tune. `metre` and `key` are tokens ("M:6/8", "K:G") that it must have, empty for
 * any; `bars` the full bars that it must have as it is written, null for any number.
 */
export class TuneRules implements Rules {
  private place = 0;
  private full = 8;
  private position = 0;
  private pickup = 0;
  /** Whether no bar of the part has ended yet. */
  private fresh = true;
  /** Bars so far. */
  count = 0;
  private ratio = 1;
  private left = 0;
  /** Length of the tuplet's first note. */
  private first = 0;
  /** Grace notes so far, -1 outside. */
  private grace = -1;
  private last = "";
  /** Chord symbols and decorations that stand before a note to come. */
  private waiting = 0;
  /** Whether a chord symbol stands before the note to come; a second one would never sound. */
  private chorded = false;
  /** Whether this part has come to its first ending. */
  private ending = false;
  private slurs = 0;
  /** The key that holds. */
  private tonic = "";
  /** Letter of the last note; "" for one with an accidental, and for a chord. */
  private letter = "";

  constructor(
    private readonly table: Table,
    private readonly metre = "",
    private readonly key = "",
    private readonly bars: number | null = null,
  ) {}

  allowed(): Mask {
    const { table } = this;
    if (this.place === 0) return this.metre ? table.named(this.metre) : table.metres;
    if (this.place === 1) return this.key ? table.named(this.key) : table.keys;
    if (this.grace >= 0) {
      const notes = this.grace < GRACES ? table.notes.slice() : new Uint8Array(table.texts.length);
      if (this.grace) add(notes, table.graceClose);
      return notes;
    }
    const done = this.bars !== null && this.count >= this.bars;
    if (done && BARS.has(this.last)) return this.onlyEnd();
    const found = this.sounds();
    if (!done) add(found, this.beforeSounds());
    if (this.last && isSound(this.last) && this.last[0] !== "z") {
      add(found, table.tie);
      if (this.slurs) add(found, table.slurClose);
    }
    if (!this.left && !this.waiting) add(found, this.lines());
    return found;
  }

  private onlyEnd(): Mask {
    const found = new Uint8Array(this.table.texts.length);
    found[END] = 1;
    return found;
  }

  private sounds(): Mask {
    const { sounds, lengths } = this.table;
    const room = this.full - this.position + CLOSE;
    const found = sounds.map((may, n) => {
      if (!may) return 0;
      const length = lengths[n]! * this.ratio;
      let rest = 0;
      if (this.left) {
        // All notes of a tuplet are like its first one, so that it comes out even.
        rest = (this.left - 1) * (this.first || lengths[n]!) * this.ratio;
        if (length + rest > room) return 0;
        if (this.first) return Number(Math.abs(lengths[n]! - this.first) < CLOSE);
      } else if (length > room) return 0;
      // On a grid of 64th notes, or what is left of the bar could not be filled.
      const end = (this.position + length + rest) / GRID;
      return Number(Math.abs(end - Math.round(end)) < CLOSE);
    });
    return this.closing(found);
  }

  /** Leave only the tonic where a note would fill the last bar that was asked for. */
  private closing(found: Mask): Mask {
    if (this.bars === null || this.count + 1 < this.bars || this.left > 1) return found;
    const { lengths, letters } = this.table;
    const filled = found.map((may, n) => {
      const end = this.position + lengths[n]! * this.ratio;
      const short = this.pickup > 0 && Math.abs(end + this.pickup - this.full) < CLOSE;
      return Number(may && (short || Math.abs(end - this.full) < CLOSE));
    });
    const tonic = (n: number): boolean => letters[n] === this.tonic.slice(0, 1);
    // Where the model has no such note of that length, the others stay.
    if (!filled.some((fills, n) => fills && tonic(n))) return found;
    return found.map((may, n) => Number(may && (!filled[n] || tonic(n))));
  }

  private beforeSounds(): Mask {
    const { table } = this;
    const room = this.full - this.position;
    const found: Mask = new Uint8Array(table.texts.length);
    if (room < CLOSE) return found;
    // A few marks before a note, or a model that has learned nothing yet would go on for ever.
    if (this.waiting < MARKS) add(found, table.free, table.graceOpen);
    if (this.chorded) table.chords.forEach((is, n) => is && (found[n] = 0));
    if (!this.left) {
      table.tuplets.forEach((may, n) => {
        if (may && table.spans[n]! * 0.5 <= room + CLOSE) found[n] = 1;
      });
    }
    const begins = BARS.has(this.last) || this.last === "" || /^\[[KM]:/.test(this.last);
    if (this.position < CLOSE && !this.waiting && begins) {
      // The key or the metre may change, and an ending begin, where a bar begins.
      if (BARS.has(this.last)) {
        const second = this.ending && [":|", "::"].includes(this.last);
        add(found, second ? table.laterEndings : table.firstEndings);
      }
      if (!this.metre && this.bars === null) add(found, table.newMetre);
      if (!this.key) {
        const same = `[K:${this.tonic}]`;
        table.newKey.forEach((may, n) => may && table.texts[n] !== same && (found[n] = 1));
      }
    }
    return found;
  }

  private lines(): Mask {
    const { table } = this;
    const found: Mask = new Uint8Array(table.texts.length);
    if (this.position < CLOSE) {
      if (["|", "||", ":|", ""].includes(this.last) || this.last.startsWith("[")) {
        add(found, table.opening);
      }
      if (FINAL.includes(this.last) && this.bars === null && !this.slurs) found[END] = 1;
      return found;
    }
    const complete = this.position > this.full - CLOSE || !Number.isFinite(this.full);
    const rest = Math.abs(this.position + this.pickup - this.full) < CLOSE && this.pickup > 0;
    const final = this.bars !== null && this.count + 1 >= this.bars;
    if (complete && !final) add(found, table.bar, table.sections);
    else if (complete || rest) add(found, final ? table.final : table.sections);
    if (this.fresh && this.position < this.full * SHORT) add(found, table.bar, table.opening);
    return found;
  }

  /** Whether the last note is the tonic. */
  get closes(): boolean {
    return this.letter !== "" && this.letter === this.tonic.slice(0, 1);
  }

  take(token: number): void {
    const text = this.table.texts[token]!;
    this.place += 1;
    if (/^\[?M:/.test(text)) {
      const metre = parseMetre(text.replace(/^\[?M:|\]$/g, ""));
      this.full = metre ? (8 * metre[0]) / metre[1] : Infinity;
    } else if (/^\[?K:/.test(text)) this.tonic = text.replace(/^\[?K:|\]$/g, "");
    else if (text === "{") this.grace = 0;
    else if (text === "}") {
      this.grace = -1;
      this.waiting += 1;
    } else if (this.grace >= 0) this.grace += 1;
    else if (BARS.has(text)) this.endBar(text);
    else if (this.table.sounds[token]) {
      this.sound(this.table.lengths[token]!);
      if (this.table.notes[token]) this.letter = this.table.letters[token]!;
    } else if (isTuplet(text)) {
      const [ratio, count] = tuplet(text);
      [this.ratio, this.left, this.first] = [ratio.number, count, 0];
    } else if (this.table.endings[token]) {
      this.fresh = false;
      this.ending = this.table.firstEndings[token] === 1;
    } else if (text === "(") {
      this.slurs += 1;
      this.waiting += 1;
    } else if (text === ")") this.slurs = Math.max(0, this.slurs - 1);
    else if (this.table.free[token]) {
      this.waiting += 1;
      this.chorded ||= this.table.chords[token] === 1;
    }
    if (text && !this.table.keys[token]) this.last = this.place > 2 ? text : "";
  }

  private sound(length: number): void {
    this.position += length * this.ratio;
    [this.waiting, this.chorded] = [0, false];
    if (!this.left) return;
    this.first ||= length;
    this.left -= 1;
    if (!this.left) [this.ratio, this.first] = [1, 0];
  }

  private endBar(text: string): void {
    const complete = this.position > this.full - CLOSE;
    // What is missing of a short first bar stands at the end of a part, and nowhere else.
    const rest = this.position + this.pickup > this.full - CLOSE && SECTIONS.has(text);
    if (complete || (rest && this.position > 0)) this.count += 1;
    else if (this.position > 0) this.pickup = this.position;
    // A part that ends with a full bar is followed by one that may begin with a short one.
    if (SECTIONS.has(text)) this.fresh = true;
    else if (this.position > 0) this.fresh = false;
    this.position = 0;
  }
}
