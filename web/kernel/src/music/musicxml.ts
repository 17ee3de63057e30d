/** A piece as a partwise MusicXML 4.0 score: formats/musicxml.py's `write_musicxml`. */

import type { Key } from "./keys.ts";
import { keyOfPiece, linesOf, spell, written, type Item } from "./notation.ts";
import { barOf, TICKS, type Piece } from "./piece.ts";
import { short } from "./sound.ts";

const HEAD =
  '<?xml version="1.0" encoding="UTF-8"?>\n' +
  '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" ' +
  '"http://www.musicxml.org/dtds/partwise.dtd">\n';
const TYPES: [ticks: number, name: string][] = [
  [1920, "whole"],
  [960, "half"],
  [480, "quarter"],
  [240, "eighth"],
  [120, "16th"],
  [60, "32nd"],
];

const tag = (name: string, ...inner: (string | number)[]): string =>
  `<${name}>${inner.join("")}</${name.split(" ")[0]}>`;
const escaped = (text: string): string =>
  text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]!);
/** What XML may hold: no control characters, no half of a surrogate pair. */
const printable = (text: string): string =>
  Array.from(text)
    .filter((c) => c >= " " && !/[\ud800-\udfff\ufffe\uffff]/.test(c.length > 1 ? "" : c))
    .join("");

export function writeMusicXml(piece: Piece): string {
  const key = keyOfPiece(piece);
  const parts = linesOf(piece);
  const names = parts.map((_, n) =>
    tag(`score-part id="P${n + 1}"`, tag("part-name", `Voice ${n + 1}`)),
  );
  const scores = parts.map((line, n) => {
    const low = line.reduce((sum, { pitch }) => sum + pitch, 0) / line.length < 57;
    const bars = written(line, barOf(piece), piece.length);
    let before: number[] = [];
    const measures = bars.map((bar, number) => {
      const start = number ? "" : attributes(piece, key, low) + (n ? "" : tempoOf(piece));
      const items = bar.map((item) => {
        const text = itemOf(item, key, before.length > 0 && `${before}` === `${item.pitches}`);
        before = item.tied ? item.pitches : [];
        return text;
      });
      return `${tag(`measure number="${number + 1}"`, start, ...items)}\n`;
    });
    return tag(`part id="P${n + 1}"`, "\n", ...measures);
  });
  const title = tag("work", tag("work-title", escaped(printable(piece.name)) || "Untitled"));
  const body = [title, tag("part-list", ...names), ...scores].join("\n");
  return `${HEAD}${tag('score-partwise version="4.0"', "\n", body, "\n")}\n`;
}

function attributes({ metre }: Piece, key: Key, low: boolean): string {
  const mode = ["", "m"].includes(key.mode) ? tag("mode", key.mode ? "minor" : "major") : "";
  return tag(
    "attributes",
    tag("divisions", TICKS),
    tag("key", tag("fifths", key.fifths), mode),
    tag("time", tag("beats", metre[0]), tag("beat-type", metre[1])),
    tag("clef", tag("sign", low ? "F" : "G"), tag("line", low ? 4 : 2)),
  );
}

function tempoOf({ tempos }: Piece): string {
  const tempo = short(tempos[0]![1]);
  const metronome = tag("metronome", tag("beat-unit", "quarter"), tag("per-minute", tempo));
  return tag(
    'direction placement="above"',
    tag("direction-type", metronome),
    `<sound tempo="${tempo}"/>`,
  );
}

function itemOf({ pitches, ticks, tied }: Item, key: Key, tiedBefore: boolean): string {
  const ties = [...(tiedBefore ? ["stop"] : []), ...(tied ? ["start"] : [])];
  const notes = pitches.length ? pitches : [null];
  return notes
    .map((pitch, n) =>
      tag(
        "note",
        n ? "<chord/>" : "",
        pitch === null ? "<rest/>" : pitchOf(pitch, key),
        tag("duration", ticks),
        ...ties.map((kind) => `<tie type="${kind}"/>`),
        tag("voice", 1),
        valueOf(ticks),
        ties.length ? tag("notations", ...ties.map((kind) => `<tied type="${kind}"/>`)) : "",
      ),
    )
    .join("");
}

function pitchOf(pitch: number, key: Key): string {
  const [step, sign] = spell(pitch, key);
  const octave = Math.floor(step / 7);
  const letter = "CDEFGAB"[step - 7 * octave]!;
  return tag(
    "pitch",
    tag("step", letter),
    sign ? tag("alter", sign) : "",
    tag("octave", 4 + octave),
  );
}

/** The note's value: type, dot, and three in the time of two for triplets. */
function valueOf(ticks: number): string {
  for (const [value, name] of TYPES) {
    if (ticks === value) return tag("type", name);
    if (ticks === 1.5 * value) return `${tag("type", name)}<dot/>`;
    if (ticks === (2 * value) / 3) {
      const change = tag("actual-notes", 3) + tag("normal-notes", 2);
      return tag("type", name) + tag("time-modification", change);
    }
  }
  return "";
}
