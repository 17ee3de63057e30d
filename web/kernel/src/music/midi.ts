/** A piece as a MIDI file of type 1, one track a voice: formats/midi.py's `write_midi`. */

import { cleaned, TICKS, type Piece } from "./piece.ts";
import { Key } from "./keys.ts";
import { roundHalfEven } from "./fraction.ts";

type Event = [tick: number, order: number, bytes: number[]];

/** Return the bytes of a file; what is read again are the piece's cleaned notes, to the tick. */
export function writeMidi(given: Piece): Uint8Array<ArrayBuffer> {
  const piece = cleaned(given);
  const tracks = [track(conductor(piece), 0)];
  for (const voice of [...new Set(piece.notes.map((one) => one.voice))].sort((a, b) => a - b)) {
    // Sixteen channels, the percussion's left out.
    const number = voice % 15;
    const channel = number < 9 ? number : number + 1;
    const events: Event[] = [[0, 0, [0xc0 | channel, 0]]];
    for (const { start, end, pitch, velocity, voice: own } of piece.notes) {
      if (own !== voice) continue;
      // What ends goes before what begins: the same pitch may be struck again.
      events.push([start, 2, [0x90 | channel, pitch, velocity]]);
      events.push([end, 1, [0x80 | channel, pitch, 0]]);
    }
    tracks.push(track(events, piece.length));
  }
  const head = [...chunk("MThd", [...short(1), ...short(tracks.length), ...short(TICKS)])];
  return Uint8Array.from([...head, ...tracks.flat()]);
}

function conductor({ metre, key, tempos }: Piece): Event[] {
  const [beats, unit] = metre;
  const events: Event[] = [[0, 0, [0xff, 0x58, 4, beats, Math.log2(unit), 24, 8]]];
  const found = key ? Key.parse(key) : null;
  if (found && ["", "m"].includes(found.mode) && Math.abs(found.fifths) <= 7) {
    events.push([0, 0, [0xff, 0x59, 2, found.fifths & 0xff, Number(found.mode === "m")]]);
  }
  for (const [tick, tempo] of tempos) {
    const micros = Math.min(Math.max(1, roundHalfEven(60e6 / tempo)), 0xffffff);
    events.push([tick, 0, [0xff, 0x51, 3, ...long(micros).slice(1)]]);
  }
  return events;
}

function track(events: Event[], length: number): number[] {
  const found: number[] = [];
  let now = 0;
  for (const [tick, , bytes] of [...events].sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    found.push(...variable(tick - now), ...bytes);
    now = tick;
  }
  found.push(...variable(Math.max(0, length - now)), 0xff, 0x2f, 0);
  return chunk("MTrk", found);
}

const short = (n: number): number[] => [(n >> 8) & 0xff, n & 0xff];
const long = (n: number): number[] => [(n >>> 24) & 0xff, (n >> 16) & 0xff, ...short(n)];

function chunk(name: string, bytes: number[]): number[] {
  return [...Array.from(name, (c) => c.charCodeAt(0)), ...long(bytes.length), ...bytes];
}

/** A number in groups of seven bits, as MIDI has them. */
function variable(n: number): number[] {
  const found = [n & 0x7f];
  for (let rest = n >>> 7; rest; rest >>>= 7) found.unshift(0x80 | (rest & 0x7f));
  return found;
}
