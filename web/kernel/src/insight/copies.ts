/**
 * What a text has taken word for word from another, as insight/copying.py tells it.
 *
 * The shorter text is indexed by its runs of `shortest` symbols, and the longer one is read past it
 * once with a rolling hash: nothing has to be kept of a corpus between two questions.
 */

export interface Copy {
  /** Where in the text, and where in the source; one place of possibly many. */
  start: number;
  length: number;
  source: number;
}

export interface Copying {
  copies: Copy[];
  /** Share of the text's symbols that lie within copies. */
  share: number;
}

/** Symbols from which on a match counts as a copy; shorter ones come about by themselves. */
export const SHORTEST = 20;
const BASE = 0x01000193;

/** Find all runs that stand in both and cannot be made longer to either side. */
export function findCopies(
  source: ArrayLike<number>,
  text: ArrayLike<number>,
  shortest = SHORTEST,
): Copying {
  const lengths = new Int32Array(text.length);
  const places = new Int32Array(text.length);
  if (text.length >= shortest && source.length >= shortest) {
    search(source, text, shortest, lengths, places);
  }
  const copies: Copy[] = [];
  let [covered, end] = [0, 0];
  for (let at = 0; at < text.length; at++) {
    const length = lengths[at]!;
    if (!length) continue;
    covered += Math.max(0, at + length - Math.max(end, at));
    end = Math.max(end, at + length);
    // What begins one later and is one shorter is the rest of the same run.
    if (at === 0 || lengths[at - 1]! <= length) {
      copies.push({ start: at, length, source: places[at]! });
    }
  }
  return { copies, share: text.length ? covered / text.length : 0 };
}

/** Fill in, for each place of the text, the longest match from there and where it stands. */
function search(
  source: ArrayLike<number>,
  text: ArrayLike<number>,
  shortest: number,
  lengths: Int32Array,
  places: Int32Array,
): void {
  let top = 1;
  for (let n = 1; n < shortest; n++) top = Math.imul(top, BASE);
  const first = new Map<number, number>();
  // Places of equal hash, each pointing to the next.
  const following = new Int32Array(text.length).fill(-1);
  roll(text, shortest, top, (hash, at) => {
    following[at] = first.get(hash) ?? -1;
    first.set(hash, at);
  });
  // A bit a bucket tells most places of the source apart without asking the map.
  const sieve = new Uint8Array(1 << 16);
  for (const hash of first.keys()) sieve[bucket(hash)] = 1;
  roll(source, shortest, top, (hash, at) => {
    if (!sieve[bucket(hash)]) return;
    for (let place = first.get(hash) ?? -1; place >= 0; place = following[place]!) {
      // The match that begins one to the left has been seen, and this one within it.
      if (place > 0 && at > 0 && text[place - 1] === source[at - 1]) continue;
      let length = 0;
      while (
        place + length < text.length &&
        at + length < source.length &&
        text[place + length] === source[at + length]
      ) {
        length += 1;
      }
      for (let n = 0; length - n >= shortest; n++) {
        if (lengths[place + n]! >= length - n) continue;
        lengths[place + n] = length - n;
        places[place + n] = at + n;
      }
    }
  });
}

const bucket = (hash: number): number => (Math.imul(hash, 0x9e3779b1) >>> 16) & 0xffff;

/** Call with the hash of each run of `size` symbols. */
function roll(
  symbols: ArrayLike<number>,
  size: number,
  top: number,
  found: (hash: number, at: number) => void,
): void {
  let hash = 0;
  for (let n = 0; n < symbols.length; n++) {
    if (n >= size) hash = (hash - Math.imul(symbols[n - size]! + 1, top)) | 0;
    hash = (Math.imul(hash, BASE) + symbols[n]! + 1) | 0;
    if (n >= size - 1) found(hash, n - size + 1);
  }
}
