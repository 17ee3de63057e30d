/**
 * What a library decides when it runs and this page has decided for good, told to the minifier as
 * constants or taken out, so that what is for others is not built in. Each change names the words that
 * it stands on: a version of the library that has others stops the build, and so does a component that
 * asks for what is gone.
 */

import type { Plugin } from "vite";

type Words = readonly [from: RegExp, to: string];

interface Change {
  /** The end of the module's path. */
  readonly of: RegExp;
  readonly words: readonly Words[];
}

/** Take fields and methods out of a class. */
const withoutFields = (...names: string[]): Words[] =>
  names.map((name) => [new RegExp(`^\\t${name} = .*;$`, "m"), ""]);
const withoutMethods = (...names: string[]): Words[] =>
  names.map((name) => [new RegExp(`^\\t${name}\\([^]*?^\\t\\}$`, "m"), ""]);

/** Svelte's `ensure`, which shows the branch of a key, where none waits and none leaves slowly. */
const ENSURE = `
  ensure(key, fn) {
    if (fn && !this.#onscreen.has(key)) this.#onscreen.set(key, branch(() => fn(this.anchor)));
    for (const [other, effect] of this.#onscreen) {
      if (other === key) continue;
      destroy_effect(effect);
      this.#onscreen.delete(other);
    }
  }
}`;

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
  {
    // Nothing awaits in a component: what changes is shown in one go, so that a batch of changes is
    // done when its effects have run, and none waits for another.
    of: /\/svelte\/src\/internal\/client\/reactivity\/batch\.js$/,
    words: [
      [/export let (batch_values = null)/, "export const $1"],
      [/^\t+batch_values = .*;$/gm, ""],
      ...withoutFields("id", "linked", "prev", "next", "async_deriveds", "current", "previous"),
      ...withoutFields("is_fork", "#commit_callbacks", "#discard_callbacks", "#pending"),
      ...withoutFields("#blocking_pending", "#deferred", "#new_effects", "#dirty_reactions"),
      ...withoutFields("#skipped_branches", "#unskipped_branches", "#decrement_queued"),
      ...withoutMethods("constructor", "#is_deferred", "#is_skipped", "skip_effect"),
      ...withoutMethods("unskip_effect", "#find_earlier_batch", "#intersects", "#merge"),
      ...withoutMethods("#defer_effects", "discard", "register_created_effect", "#commit"),
      ...withoutMethods("increment", "decrement", "transfer_reactions", "add_dirty_reaction"),
      ...withoutMethods("oncommit", "ondiscard", "settled", "apply", "activate", "deactivate"),
      ...withoutMethods("#unlink"),
      [/this\.(?:#unlink|apply)\(\);/g, ""],
      [/for \(const \[e, status\] of this\.#dirty_reactions\) \{[^]*?\n\t\t\}/, ""],
      [/if \(!this\.#is_deferred\(\)\) this\.discard\(\);/, ""],
      [/if \(this\.#is_deferred\(\)\) \{[^]*?this\.#commit_callbacks\.clear\(\);/, ""],
      [/this\.#deferred\?\.resolve\(\);/, ""],
      [/if \(this\.#pending === 0 [^]*?\n\t\t\}/, ""],
      [/ \|\| this\.#skipped_branches\.has\(effect\)/, ""],
      [/if \(\(flags & BLOCK_EFFECT\) !== 0\) this\.add_dirty_reaction\(.*\);/, ""],
      [/(?<=capture\(source, value, is_derived = false\) \{)[^]*?(?=\n\t\})/, "source.v = value;"],
      [/if \(\s*effect\.b\?\.is_pending [^]*?\n\t\t\}/, ""],
    ],
  },
  {
    of: /\/svelte\/src\/internal\/client\/reactivity\/async\.js$/,
    words: [
      [
        /(?<=export function flatten\(blockers, sync, async, fn\) \{)[^]*?(?=\n\})/,
        "fn(sync.map(derived));",
      ],
    ],
  },
  {
    of: /\/svelte\/src\/internal\/client\/(?:runtime|reactivity\/(?:deriveds|sources))\.js$/,
    words: [[/\b(?:current_)?batch\??\.is_fork/g, "false"]],
  },
  {
    // Nothing asks for a signal to be told that it is run again.
    of: /\/svelte\/src\/internal\/client\/(?:runtime|reactivity\/deriveds)\.js$/,
    words: [[/\b(?:reaction|derived|e)\.ac !== null/g, "false"]],
  },
  {
    // Nothing is inspected, nor read ahead of what is shown.
    of: /\/svelte\/src\/internal\/client\/reactivity\/sources\.js$/,
    words: [
      [/eager_effects\.size > 0/, "false"],
      [/if \(\(flags & EAGER_EFFECT\) !== 0\) (?=\{\s*\/\/ Eager)/, "if (false) "],
    ],
  },
  {
    // No component has transitions, animations or a boundary.
    of: /\/svelte\/src\/internal\/client\/reactivity\/effects\.js$/,
    words: [
      [/current_batch\?\.register_created_effect\(effect\);/, ""],
      [/b: parent && parent\.b,/, ""],
      [/effect\.b =\n/, ""],
      [/\b(?:effect\.nodes && )?effect\.nodes\.t\b/g, "null"],
      [/if \(remaining > 0\)/, "if (false)"],
      [/effect\.f \|= PAUSED;\s*pause_children\(effect, transitions, true\);/, ""],
      [/effect\.f &= ~PAUSED;\s*resume_children\(effect, true\);/, ""],
      [/controller !== null/, "false"],
    ],
  },
  {
    of: /\/svelte\/src\/internal\/client\/dom\/blocks\/each\.js$/,
    words: [
      [/\(flags & EACH_IS_ANIMATED\) !== 0/, "false"],
      // What leaves does so at once, and so does a batch.
      [/state\.outrogroups !== null/g, "false"],
      [/if \(group\) \{[^]*?\} else (\{\s*remaining -= 1;\s*\})/, "$1"],
      [/if \(remaining === 0\) (\{[^]*?\n\t\}) else \{[^]*?\n\t\}/, "$1"],
      [/ && state\.pending\.size === 0/, ""],
      [/state\.pending\.size > 0/, "false"],
    ],
  },
  {
    // What is shown next is made in its place, and what was there goes at once.
    of: /\/svelte\/src\/internal\/client\/dom\/blocks\/branches\.js$/,
    words: [
      [/^\t#(?:batches|offscreen|outroing) = .*;$/gm, ""],
      [/^\t#commit = \(batch\) => \{[^]*^\tensure\(key, fn\) \{[^]*$/m, ENSURE],
    ],
  },
  {
    // No element has a style of its own beside those that are set one by one.
    of: /\/svelte\/src\/internal\/shared\/attributes\.js$/,
    words: [[/if \(value\) (?=\{\s*\/\/ strip comments)/, "if (false) "]],
  },
  {
    of: /\/svelte\/src\/internal\/client\/error-handling\.js$/,
    words: [[/while \(effect !== null\) \{[^]*?\n\t\}\n/, ""]],
  },
];

/** Nothing may switch on what CHANGES has switched off, */
const SWITCHES = /\/svelte\/src\/internal\/flags\/(?!index)/;
/** nor may a component, as Svelte compiles it, ask for what CHANGES has taken out. */
const MISSING = new RegExp(
  [
    /\$\.(?:async\w*|await|boundary|eager|run\w*|save|animation|transition)\(/,
    /\$\.set_style\([^,]+, (?!''|"").+, (?:\w+|\{\}), [[{]/,
    /\bgetAbortSignal\b/,
  ]
    .map(({ source }) => source)
    .join("|"),
);
const COMPONENT = /\.svelte(?:\.ts)?$/;

export function lean(): Plugin {
  return {
    name: "recurra-lean",
    apply: "build",
    transform: {
      filter: { id: [/\/svelte\/src\/internal\//, COMPONENT] },
      handler(code, id) {
        const missing = COMPONENT.test(id) && MISSING.exec(code);
        if (missing) throw new Error(`${id} needs ${missing[0]}; see vite/lean.ts`);
        if (SWITCHES.test(id)) throw new Error(`${id} is asked for; see vite/lean.ts`);
        const words = CHANGES.filter(({ of }) => of.test(id)).flatMap((change) => change.words);
        if (!words.length) return null;
        let changed = code;
        for (const [from, to] of words) {
          const next = changed.replace(from, to);
          if (next === changed) throw new Error(`${id} has no ${from}; see vite/lean.ts`);
          changed = next;
        }
        return { code: changed, map: null };
      },
    },
  };
}
