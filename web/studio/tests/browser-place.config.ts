/** Builds the page of browser-place.html alone: RECURRA_SITE=FOLDER vite build --config THIS. */

import { defineConfig } from "vite";
import { offline } from "../vite/offline.ts";

export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  publicDir: "../public",
  plugins: [offline("browser-place.html", `${import.meta.dirname}/../public`)],
  worker: { format: "es" },
  build: {
    outDir: process.env.RECURRA_SITE ?? "dist",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: `${import.meta.dirname}/browser-place.html` },
  },
});
