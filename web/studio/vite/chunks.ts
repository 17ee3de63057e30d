/**
 * Which files are built into one script: those that are loaded together, for they compress better as
 * one than apart. Whatever is not named is split as the imports have it, a script for each screen.
 */

const kernel = /\/web\/kernel\/src\//.source;
const alone = /\/place\/browser\//.source;

/** From the first, which is asked first; a group takes along what its files import, if none has it. */
const TESTS = {
  // Of the page and of Workers, which must not get the page with it.
  preload: "vite/preload-helper",
  // The page itself and what all screens share, Svelte included.
  page: "/src/(?:design|app)/|/src/main\\.ts|/state/(?:load|format)",
  // The place in the browser: what page and Workers share, then the page's own part and theirs.
  shared:
    `${kernel}(?:errors|features|options)\\.|/(?:comlink|idb)/|` +
    `${alone}(?:(?:database|entries|plan|quota|settings|start-worker)|training/channel|work/errors)\\.`,
  alone: `${alone}(?:corpora|models|open|options|runs)\\.`,
  worker:
    `${kernel}[\\w-]+\\.ts|` +
    `${alone}(?:kernel|place\\.worker|reading|training/\\w+|work/(?:copies|describe|models|survey|work|writing))\\.ts`,
  // A training as it is set and watched, of texts and of other kinds.
  training:
    "/canvas/(?:line-plot|axis)|/state/|/train/(?:Curves|Samples|SettingField|settings|plot)",
  // Texts as they are drawn, in Write and Inside.
  text:
    "/canvas/(?:text-view|row|layout|ColouredText|numbers|scales|theme|Legend)|" +
    "/write/(?:takes|address|kept|settings)",
};

const OF_PAGE = /\/(?:page|preload)-[^/]*$/;

/** Return which of the scripts that an import in `host` needs are loaded ahead, beside it. */
export function ahead(scripts: string[], host: string): string[] {
  // A Worker has no document to do it in, and what a part of a screen needs came with the screen.
  return OF_PAGE.test(host) ? scripts.filter((script) => !OF_PAGE.test(script)) : [];
}

export const groups = Object.entries(TESTS).map(([name, test], n, all) => ({
  name,
  test: new RegExp(test),
  priority: all.length - n,
}));
