#!/usr/bin/env bash
# rolldown 1.2.19. With `minify: { compress: true }`, what a plugin's renderChunk() returns is parsed and printed anew, although white space
# and names are kept: escapes in strings are characters again. A good guess: renderChunk() has the last word on the text of a file.
# Seen: "\u2013" that renderChunk() wrote comes out as the character; the same done in generateBundle() stays.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund rolldown@1.2.19
echo 'export const dash = (known) => (known ? "\u2013" : "none");' > entry.mjs
cat > run.mjs <<'JS'
import { deepStrictEqual } from "node:assert";
import { rolldown } from "rolldown";

const escaped = (code) => code.replaceAll("\u2013", "\\u2013");
const plugins = {
  renderChunk: { name: "escape", renderChunk: (code) => ({ code: escaped(code), map: null }) },
  generateBundle: {
    name: "escape",
    generateBundle(_, files) {
      for (const file of Object.values(files)) file.code = escaped(file.code);
    },
  },
};
const seen = {};
for (const [hook, plugin] of Object.entries(plugins))
  for (const compress of [false, true]) {
    const bundle = await rolldown({ input: "entry.mjs", plugins: [plugin] });
    const minify = compress ? { compress: true, mangle: false, codegen: false } : false;
    const { output } = await bundle.generate({ format: "esm", minify });
    seen[`${hook}, compress ${compress}`] = output[0].code.includes("\u2013") ? "character" : "escape";
  }
console.log(seen);
deepStrictEqual(seen, {
  "renderChunk, compress false": "escape",
  "renderChunk, compress true": "character",
  "generateBundle, compress false": "escape",
  "generateBundle, compress true": "escape",
});
JS
node run.mjs
