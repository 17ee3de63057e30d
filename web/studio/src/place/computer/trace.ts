/** A trace as it comes: the safetensors format, looked at where it lies. */

import type { Continuation, TraceAnswer } from "../types.ts";

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

interface Metadata {
  __metadata__: { trace: string };
}

/** Read the file that `POST /api/models/{id}/trace` answers with. */
export function readTrace(file: ArrayBuffer): TraceAnswer {
  const length = Number(new DataView(file).getBigUint64(0, true));
  const text = new TextDecoder().decode(new Uint8Array(file, 8, length));
  const { __metadata__, ...entries } = JSON.parse(text) as Metadata & Record<string, unknown>;
  const about = JSON.parse(__metadata__.trace) as {
    tokens: string[];
    sizes: number[];
    likeliest: Continuation[][];
  };
  const layers: Record<string, Float32Array>[] = about.sizes.map(() => ({}));
  let surprise = new Float32Array();
  for (const [name, entry] of Object.entries(entries as Record<string, Entry>)) {
    const [begin, end] = entry.data_offsets;
    const array = new Float32Array(file, 8 + length + begin, (end - begin) / 4);
    if (name === "surprise") surprise = array;
    const [layer, gate] = name.split(".");
    const home = layers[Number(layer)];
    if (home && gate) home[gate] = array;
  }
  return { ...about, layers, surprise };
}
