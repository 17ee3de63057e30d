/** Build the service worker beside the page, as sw.js, with the list of the site's files in it. */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import type { Plugin } from "vite";

const SCRIPT = "sw.js";
/** Large, and of one screen (the engraver of music): kept once that screen was opened. */
const LATER = /^assets\/score-.*\.js$/;
const SOURCE = new URL("../src/offline/service-worker.ts", import.meta.url).pathname;

/** `index` is the page's file name; `folder` holds the files that are copied as they are. */
export function offline(index = "index.html", folder?: string): Plugin {
  return {
    name: "recurra-offline",
    apply: "build",
    enforce: "post",
    buildStart() {
      this.emitFile({ type: "chunk", id: SOURCE, fileName: SCRIPT });
    },
    generateBundle(_, bundle) {
      const digest = createHash("sha256");
      const copied = folder ? filesOf(folder) : [];
      for (const path of copied) digest.update(readFileSync(join(folder!, path)));
      const names = [...Object.keys(bundle), ...copied].filter(
        (name) => name !== SCRIPT && name !== index && !name.endsWith(".map") && !LATER.test(name),
      );
      for (const name of Object.keys(bundle).sort()) {
        const part = bundle[name]!;
        digest.update(name).update(part.type === "chunk" ? part.code : part.source);
      }
      const script = bundle[SCRIPT];
      if (script?.type !== "chunk") throw new Error(`${SCRIPT} was not built`);
      const files = JSON.stringify([index, ...names.sort()]);
      const version = digest.digest("hex").slice(0, 16);
      script.code = script.code
        .replace(/(["'`])__RECURRA_FILES__\1/, () => JSON.stringify(files))
        .replace("__RECURRA_VERSION__", version);
      if (!script.code.includes(version) || script.code.includes("__RECURRA")) {
        throw new Error(`the list of files could not be written into ${SCRIPT}`);
      }
    },
  };
}

function filesOf(folder: string): string[] {
  const found: string[] = [];
  for (const name of readdirSync(folder, { recursive: true }) as string[]) {
    const path = join(folder, name);
    if (statSync(path).isFile()) found.push(relative(folder, path).replaceAll("\\", "/"));
  }
  return found;
}
