/** Compose the cases of a JSON file in Node: `node music.node.mjs CASES.json MODULES`. */
import { readFileSync } from "node:fs";
import { argv } from "node:process";
import { Kernel } from "../src/kernel.ts";
import { writeMidi } from "../src/music/midi.ts";
import { MusicModel, type ComposeOptions } from "../src/music/model.ts";
import { writeMusicXml } from "../src/music/musicxml.ts";
import { writeAbc } from "../src/music/notation.ts";
import { fromDocument, toDocument, type PieceDocument } from "../src/music/piece.ts";
import type { SamplingOptions } from "../src/options.ts";

interface Case {
  model: string;
  seed: string;
  how: Partial<Omit<ComposeOptions, "prime">> & { prime?: PieceDocument };
  sampling: Partial<SamplingOptions>;
}

const [, , cases = "", modules = ""] = argv;
const kernel = await Kernel.load("simd", readFileSync(`${modules}/recurra-simd.wasm`));
const results = (JSON.parse(readFileSync(cases, "utf8")) as Case[]).map(
  ({ model: file, seed, how, sampling }) => {
    const model = MusicModel.read(kernel, new Uint8Array(readFileSync(file)), file);
    const prime = how.prime ? fromDocument(how.prime) : null;
    try {
      const steps = model.compose({ ...how, prime, seed: BigInt(seed) }, sampling);
      for (;;) {
        const { done, value } = steps.next();
        if (!done) continue;
        const { piece, tokens, begun } = value;
        return {
          ...{ tokens, begun, piece: toDocument(piece), abc: writeAbc(piece) },
          midi: Buffer.from(writeMidi(piece)).toString("base64"),
          musicxml: writeMusicXml(piece),
          names: tokens.map((token) => model.vocabulary.tokenText(token)),
          ticks: model.vocabulary.ticks(tokens),
        };
      }
    } catch (error) {
      return { error: (error as Error).message };
    } finally {
      model.dispose();
    }
  },
);
console.log(JSON.stringify(results));
