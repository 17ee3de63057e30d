import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";
import { ahead, groups } from "./vite/chunks.ts";
import { lean } from "./vite/lean.ts";
import { offline } from "./vite/offline.ts";
import { smallPreload } from "./vite/preload.ts";
import { smaller } from "./vite/smaller.ts";
import { sharedWorkers } from "./vite/shared-workers.ts";

// RECURRA_STUDIO is the address of a running `recurra studio`, with its token, to develop against.
const server = process.env.RECURRA_STUDIO ? new URL(process.env.RECURRA_STUDIO) : null;
const token = server?.searchParams.get("token");

/** Svelte's base of custom elements, of which there are none here, defines a class when it is read. */
const withoutElements: Plugin = {
  name: "recurra-without-elements",
  transform: {
    filter: { id: /svelte\/.*\/custom-element\.js$/ },
    handler: (code) => ({ code, moduleSideEffects: false }),
  },
};

export default defineConfig({
  // Relative, so that the site works in any folder of any web server.
  base: "./",
  plugins: [
    svelte(),
    withoutElements,
    lean(),
    smallPreload(),
    sharedWorkers(),
    smaller(),
    offline("index.html", `${import.meta.dirname}/public`),
  ],
  worker: { format: "es" },
  build: {
    outDir: process.env.RECURRA_SITE ?? "dist",
    emptyOutDir: true,
    target: ["chrome111", "firefox114", "safari16.4"],
    // Nothing is inlined as data: the Content-Security-Policy allows only files of the origin.
    assetsInlineLimit: 0,
    modulePreload: {
      polyfill: false,
      resolveDependencies: (_, files, { hostId }) => ahead(files, hostId),
    },
    chunkSizeWarningLimit: 200,
    rolldownOptions: {
      output: { codeSplitting: { groups } },
    },
  },
  server:
    (server && {
      proxy: {
        "/api": {
          target: server.origin,
          changeOrigin: true,
          headers: { Authorization: `Bearer ${token}`, Origin: server.origin },
        },
      },
    }) ||
    {},
});
