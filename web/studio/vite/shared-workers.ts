/**
 * Build a module Worker's script in the page's own bundle, so that what both use is loaded once.
 * Vite by itself bundles every Worker apart, with a copy of everything that it imports.
 */

import { resolve, dirname } from "node:path";
import type { Plugin } from "vite";

const SCRIPT = /new URL\(\s*"([^"]+\.worker\.ts)",\s*import\.meta\.url,?\s*\)/g;

export function sharedWorkers(): Plugin {
  return {
    name: "recurra-shared-workers",
    apply: "build",
    enforce: "pre",
    transform(code, id) {
      if (!code.includes(".worker.ts")) return null;
      return code.replace(SCRIPT, (_, path: string) => {
        const script = this.emitFile({ type: "chunk", id: resolve(dirname(id), path) });
        return `import.meta.ROLLUP_FILE_URL_${script}`;
      });
    },
  };
}
