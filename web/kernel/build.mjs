// Build the modules and the scripts into dist/ (or the folder that is named): npm run build
//
// RECURRA_PYTHON names a Python that has ziglang; --no-wasm leaves the modules as they are.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { "no-wasm": { type: "boolean" }, tests: { type: "boolean" } },
});
const out = positionals[0] ?? `${here}dist`;

if (!values["no-wasm"]) {
  const python = process.env.RECURRA_PYTHON ?? "python3";
  const script = `${here}../../src/recurra/kernel/build_wasm.py`;
  execFileSync(python, [script, out], { stdio: "inherit" });
}

const shared = { bundle: true, format: "esm", target: "es2022", logLevel: "warning" };
await build({
  ...shared,
  entryPoints: {
    kernel: `${here}src/index.ts`,
    "kernel.worker": `${here}src/kernel.worker.ts`,
    "thread.worker": `${here}src/thread.worker.ts`,
  },
  outdir: out,
  minify: true,
});

if (values.tests) {
  await build({
    ...shared,
    entryPoints: { page: `${here}tests/page.ts`, "check.worker": `${here}tests/check.worker.ts` },
    outdir: out,
  });
  await build({
    ...shared,
    entryPoints: [
      `${here}tests/check.node.ts`,
      `${here}tests/classify.node.ts`,
      `${here}tests/forecast.node.ts`,
      `${here}tests/music.node.ts`,
      `${here}tests/numbers.node.ts`,
      `${here}tests/thread.node.ts`,
      `${here}tests/unit.test.ts`,
    ],
    outdir: `${out}/tests`,
    outExtension: { ".js": ".mjs" },
    platform: "node",
  });
}
