/**
 * Vite's helper for imports that come later, with what is needed of it here: a screen's style is there
 * before the screen, and its scripts are asked for together.
 */

import type { Plugin } from "vite";

const HELPER = `
const links = {};
const link = (href) =>
  (links[href] ??= new Promise((resolve, reject) => {
    // The page's own stands in the document.
    if ([...document.styleSheets].some((sheet) => sheet.href === href)) return resolve();
    const made = document.createElement("link");
    const style = href.endsWith("css");
    made.rel = style ? "stylesheet" : "modulepreload";
    made.crossOrigin = "";
    made.onload = resolve;
    made.onerror = () => {
      // Asked for again when the import is.
      delete links[href];
      made.remove();
      style ? reject(Error(href + " could not be loaded")) : resolve();
    };
    made.href = href;
    document.head.append(made);
    if (!style) resolve();
  }));
export const __vitePreload = async (load, files = [], from) => {
  await Promise.all(files.map((file) => link(new URL(file, from).href)));
  return load();
};
`;

export function smallPreload(): Plugin {
  return {
    name: "recurra-small-preload",
    apply: "build",
    transform: {
      order: "post",
      filter: { id: /vite\/preload-helper/ },
      handler: () => ({ code: HELPER, map: null }),
    },
  };
}
