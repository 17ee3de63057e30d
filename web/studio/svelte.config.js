/** Whose style is whose: short, for each element that has one says so. */
const names = new Map();

/** @type {import("@sveltejs/vite-plugin-svelte").SvelteConfig} */
export default {
  compilerOptions: {
    discloseVersion: false,
    runes: true,
    cssHash: ({ hash, filename }) => {
      const name = `s${hash(filename).slice(-3)}`;
      if ((names.get(name) ?? filename) !== filename) {
        throw new Error(`the styles of ${filename} and ${names.get(name)} are both called ${name}`);
      }
      names.set(name, filename);
      return name;
    },
  },
};
