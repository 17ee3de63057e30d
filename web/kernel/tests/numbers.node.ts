/** Ask the questions of a JSON file in Node: `node numbers.node.mjs CASES.json MODULES`. */
import { readFileSync } from "node:fs";
import { argv } from "node:process";
import { Kernel } from "../src/kernel.ts";
import { NEEDED, NumberModel } from "../src/numbers/model.ts";

interface Case {
  model: string;
  numbers: number[];
  count: number;
  terms: number;
}

const [, , cases = "", modules = ""] = argv;
const kernel = await Kernel.load("simd", readFileSync(`${modules}/recurra-simd.wasm`));
const results = (JSON.parse(readFileSync(cases, "utf8")) as Case[]).map(
  ({ model: file, numbers, count, terms }) => {
    try {
      const model = NumberModel.read(kernel, new Uint8Array(readFileSync(file)), file);
      try {
        return { ...model.ask(numbers, count), terms: model.goOn(numbers, terms) };
      } finally {
        model.dispose();
      }
    } catch (error) {
      return { error: (error as Error).message };
    }
  },
);
console.log(JSON.stringify({ needed: NEEDED, results }));
