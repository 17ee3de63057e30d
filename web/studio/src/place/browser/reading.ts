/** From the bytes of a text to its characters, as formats/text.py reads them. */

import { configError, formatError } from "../../../../kernel/src/errors.ts";
import type { TextSettings } from "./settings.ts";

const MARKS: [number[], string][] = [
  [[0xff, 0xfe], "utf-16le"],
  [[0xfe, 0xff], "utf-16be"],
];
const GZIP = [0x1f, 0x8b];

const startsWith = (bytes: Uint8Array, mark: number[]): boolean =>
  mark.every((byte, n) => bytes[n] === byte);

/** Return which encoding the first bytes show: a byte order mark, or the zeros of plain UTF-16. */
export function detectEncoding(bytes: Uint8Array): string {
  for (const [mark, name] of MARKS) if (startsWith(bytes, mark)) return name;
  const sample = bytes.subarray(0, Math.min(bytes.length, 8192) & ~1);
  if (sample.length < 8) return "utf-8";
  const zeros = [0, 0];
  sample.forEach((byte, n) => (zeros[n & 1]! += Number(byte === 0)));
  const [even, odd] = zeros.map((count) => count / (sample.length / 2)) as [number, number];
  if (odd > 0.9 && even < 0.1) return "utf-16le";
  if (even > 0.9 && odd < 0.1) return "utf-16be";
  return "utf-8";
}

/** Say whether the first bytes of a file are text in some encoding. */
export function looksLikeText(bytes: Uint8Array): boolean {
  const beginning = bytes.subarray(0, 65536);
  if (startsWith(beginning, [...new TextEncoder().encode("%PDF-")])) return false;
  if (detectEncoding(beginning) !== "utf-8") return true;
  const controls = beginning.reduce(
    (sum, byte) => sum + Number(byte < 32 && !(byte >= 9 && byte <= 13) && byte !== 27),
    0,
  );
  // Control characters hardly occur in text, but fill 27 of 256 places of random bytes.
  return !beginning.includes(0) && controls * 50 <= beginning.length;
}

/** Unpack what gzip has packed; leave everything else. */
export async function unpacked(data: Blob): Promise<Uint8Array> {
  const bytes = new Uint8Array(await data.arrayBuffer());
  if (!startsWith(bytes, GZIP)) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * Return a text as its vocabulary reads it: characters, or the bytes as they are.
 *
 * Throws FormatError where a byte is not in the encoding, ConfigError where there is no such
 * encoding; the message names the text.
 */
export function readText(
  bytes: Uint8Array,
  settings: Partial<TextSettings>,
  name: string,
): string | Uint8Array {
  const { line_ends = "keep", normalise = "keep" } = settings;
  if (settings.vocabulary === "bytes") return line_ends === "lf" ? bytesToLf(bytes) : bytes;
  let text = decode(bytes, settings, name);
  if (line_ends === "lf") text = text.replace(/\r\n?/g, "\n");
  return normalise === "nfc" ? text.normalize("NFC") : text;
}

function decode(bytes: Uint8Array, settings: Partial<TextSettings>, name: string): string {
  const { encoding = "auto", wrong_bytes = "refuse" } = settings;
  const label = encoding === "auto" ? detectEncoding(bytes) : encoding;
  let decoder: TextDecoder;
  try {
    decoder = new TextDecoder(label, { fatal: wrong_bytes === "refuse" });
  } catch {
    throw configError(
      `there is no text encoding '${encoding}' here; use utf-8, utf-16le, latin1, windows-1252 or ` +
        "another that browsers know.",
      "encoding",
    );
  }
  try {
    return decoder.decode(bytes);
  } catch {
    throw formatError(
      `${name} is not ${label.toUpperCase()}: name the encoding it is in (such as windows-1252 or ` +
        "latin1), let wrong bytes be replaced, or read it as bytes.",
    );
  }
}

function bytesToLf(bytes: Uint8Array): Uint8Array {
  const found = new Uint8Array(bytes.length);
  let length = 0;
  bytes.forEach((byte, n) => {
    if (byte === 10 && bytes[n - 1] === 13) return;
    found[length++] = byte === 13 ? 10 : byte;
  });
  return found.slice(0, length);
}

/** Return the sha256 of bytes in hexadecimal; "" where the page is not a secure context. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const subtle = crypto.subtle as SubtleCrypto | undefined;
  if (!subtle) return "";
  const digest = new Uint8Array(await subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
