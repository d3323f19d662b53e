// Builds src/ into the Flask package's static folder, or (--tests) the tests into a cache that git ignores.
//
// The output is committed, so that a site needs no Node; the same source always gives the same bytes.

import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const at = (...parts) => join(here, ...parts);

const site = {
  entryPoints: ["guard.ts", "banner.ts", "banner.css", "embed.css", "report.css", "resize.ts"].map((name) => at("src", name)),
  outdir: at("..", "..", "flask_ext", "flask_consentry", "static"),
  format: "iife",
  target: "es2020",
  minify: true,
};

const tests = {
  entryPoints: readdirSync(at("tests")).filter((name) => name.endsWith(".test.ts")).map((name) => at("tests", name)),
  outdir: at("node_modules", ".cache", "consentry"),
  outExtension: { ".js": ".mjs" },
  format: "esm",
  platform: "node",
};

await build({
  ...(process.argv.includes("--tests") ? tests : site),
  bundle: true,
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
});
