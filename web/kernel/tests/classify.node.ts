/** Classify the files of a JSON file in Node: `node classify.node.mjs CASES.json MODULES`. */
import { readFileSync } from "node:fs";
import { argv } from "node:process";
import { Kernel } from "../src/kernel.ts";
import { Classifier, likeliest } from "../src/series/classifier.ts";
import { readLabelled } from "../src/series/labelled.ts";

interface Case {
  model: string | null;
  name: string;
  text: string;
  label?: string;
  channels?: number;
}

const [, , cases = "", modules = ""] = argv;
const kernel = await Kernel.load("simd", readFileSync(`${modules}/recurra-simd.wasm`));
const results = (JSON.parse(readFileSync(cases, "utf8")) as Case[]).map(
  ({ model: file, name, text, label, channels }) => {
    try {
      const data = readLabelled(text, name, label, channels);
      const series = data.series.map((one) => ({ ...one, values: Array.from(one.values) }));
      if (!file) return { channels: data.channels, series };
      const model = Classifier.read(kernel, new Uint8Array(readFileSync(file)), file);
      try {
        const shares = model.probabilities(data);
        return {
          shares: shares.map((one) => Array.from(one)),
          scores: model.score(data, shares),
          moved: data.series.map((one, n) =>
            model.saliency(one, data.channels, likeliest(shares[n]!)),
          ),
        };
      } finally {
        model.dispose();
      }
    } catch (error) {
      return { error: (error as Error).message };
    }
  },
);
console.log(JSON.stringify(results));
