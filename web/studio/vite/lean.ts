/**
 * What a library decides when it runs and this page has decided for good, told to the minifier as
 * constants, so that what is for others is not built in. Each change names the words that it stands
 * on: a version of the library that has others stops the build.
 */

import type { Plugin } from "vite";

interface Change {
  /** The end of the module's path. */
  readonly of: RegExp;
  readonly words: readonly (readonly [from: RegExp, to: string])[];
}

const CHANGES: readonly Change[] = [
  {
    // Every component is written in runes, and none awaits.
    of: /\/svelte\/src\/internal\/flags\/index\.js$/,
    words: [
      [/export let (\w+_mode_flag = false)/g, "export const $1"],
      [/^\t\w+_mode_flag = (?:true|false);$/gm, ""],
    ],
  },
  {
    // The page's frame has no boundary round it that could show anything: what fails is thrown.
    of: /\/svelte\/src\/internal\/client\/render\.js$/,
    words: [
      [/import \{ boundary \} from '[^']+';/, "import { branch } from './reactivity/effects.js';"],
      [/boundary\(\s[^]*?\{\s*pending: \(\) => \{\}\s*\},\s*\(anchor_node\) =>/, "branch(() =>"],
      [/\},\s*transformError\s*\);/, "});"],
    ],
  },
  {
    // Nothing is rendered before it comes here.
    of: /\/svelte\/src\/internal\/client\/dom\/hydration\.js$/,
    words: [
      [/export let (hydrating = false)/, "export const $1"],
      [/^\thydrating = value;$/m, ""],
    ],
  },
];

/** Nothing may switch on what CHANGES has switched off. */
const SWITCHES = /\/svelte\/src\/internal\/flags\/(?!index)/;

export function lean(): Plugin {
  return {
    name: "recurra-lean",
    apply: "build",
    transform: {
      filter: { id: /\/svelte\/src\/internal\// },
      handler(code, id) {
        if (SWITCHES.test(id)) throw new Error(`${id} is asked for; see vite/lean.ts`);
        const change = CHANGES.find(({ of }) => of.test(id));
        if (!change) return null;
        let changed = code;
        for (const [from, to] of change.words) {
          const next = changed.replace(from, to);
          if (next === changed) throw new Error(`${id} has no ${from}; see vite/lean.ts`);
          changed = next;
        }
        return { code: changed, map: null };
      },
    },
  };
}
