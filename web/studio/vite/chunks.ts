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
  // The page itself, the screen that it opens on, and what all screens share, Svelte included.
  page: "/src/(?:design|app)/|/src/main\\.ts|/state/(?:load|format)|/screens/corpus/",
  // The place in the browser: what page and Workers share, then the page's own part and theirs.
  shared:
    `${kernel}(?:errors|features|options)\\.|/(?:comlink|idb)/|` +
    `${alone}(?:(?:database|entries|plan|quota|settings|start-worker)|training/channel|work/errors)\\.`,
  alone: `${alone}(?:corpora|models|open|options|runs)\\.`,
  worker:
    `${kernel}[\\w-]+\\.ts|` +
    `${alone}(?:kernel|place\\.worker|reading|training/\\w+|work/(?:copies|describe|models|survey|work|writing))\\.ts`,
  // What screens of several kinds have: a training as it is set and watched, and what they draw with.
  training:
    "/canvas/(?:line-plot|axis|scales|theme|numbers|Legend|canvas)|/state/|" +
    "/train/(?:Curves|Samples|SettingField|settings|plot)|/write/(?:address|kept|settings)",
  // Texts as they are drawn, in Train and Write and in Inside.
  text: "/canvas/(?:text-view|row|layout|ColouredText)|/write/takes",
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
