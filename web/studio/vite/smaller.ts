/**
 * Minify what the build's own minifier has made once more: Terser follows values further, and the two
 * together make scripts that pack smaller than either's.
 */

import { minify, type MinifyOptions } from "terser";
import type { Plugin } from "vite";

const OPTIONS: MinifyOptions = {
  module: true,
  ecma: 2020,
  compress: { passes: 3, keep_fargs: false },
};
/** Of one screen, and so large that it would take longer than all others. */
const AS_IT_IS = /\/score-/;

export function smaller(): Plugin {
  return {
    name: "recurra-smaller",
    enforce: "post",
    apply: "build",
    async generateBundle(_, bundle) {
      for (const part of Object.values(bundle)) {
        if (part.type !== "chunk" || AS_IT_IS.test(part.fileName)) continue;
        const { code } = await minify(part.code, OPTIONS);
        if (code) part.code = code;
      }
    },
  };
}
