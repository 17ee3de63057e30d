// Bundles the page of the comparison with the studio's own Vite: RECURRA_SITE names the folder.
export default {
  root: import.meta.dirname,
  base: "./",
  worker: { format: "es" },
  build: {
    outDir: process.env.RECURRA_SITE,
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2000,
  },
};
