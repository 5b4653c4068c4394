/**
 * `npm run build`: what is published and what the image holds, in dist/. Each program is one JavaScript file with its source map and
 * needs nothing else installed; handlers in TypeScript need tsx on a Node that cannot read it (before 22.18).
 *
 * dist/ (or `--out FOLDER`) is a package: `npm pack ./dist`.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { rolldown, type Plugin } from "rolldown";
import manifest from "../package.json" with { type: "json" };
import { notices } from "./build/notices.ts";
import { publishedManifest } from "./build/manifest.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const {
  values: { out: dist },
} = parseArgs({ options: { out: { type: "string", default: `${root}dist` } } });

/** Programs by the file that they become. */
const PROGRAMS = {
  relay: "relay/main.ts",
  installer: "component/main.ts",
  cli: "cli/main.ts",
  "rules-thread-entry": "relay/routing/rules-thread-entry.ts",
  "thread-entry": "relay/targets/module/thread-entry.ts",
};

/** What programs read at run time, by where it lies beside them. */
const FILES = {
  "relay/admin/assets": "assets",
  "relay/storage/redis/lua": "lua",
  "scripts/build/thread-entry-tsx.mjs": "thread-entry-tsx.mjs",
  "scripts/build/gitlab-hook-relay.js": "bin/gitlab-hook-relay.js",
  "bin/node-version.cjs": "bin/node-version.cjs",
  "relay.schema.json": "relay.schema.json",
  LICENSE: "LICENSE",
  "README.md": "README.md",
  "CHANGELOG.md": "CHANGELOG.md",
};

/** The one program loads relay and installer only for their commands: they stay files of their own. */
const programsApart: Plugin = {
  name: "programs-apart",
  resolveId: {
    filter: { id: /\/(relay|component)\/main\.ts$/ },
    handler: (path, importer) =>
      importer === undefined
        ? null
        : { id: path.includes("/relay/") ? "./relay.js" : "./installer.js", external: true },
  },
};

/**
 * A single character that Latin-1 does not have makes V8 keep the whole program with two bytes for each: such characters are escaped. What
 * stands behind one in its line moves by five columns, which no source map tells.
 */
const oneByteText: Plugin = {
  name: "one-byte-text",
  generateBundle(_options, files) {
    for (const file of Object.values(files)) {
      if (file.type !== "chunk") continue;
      file.code = file.code.replaceAll(
        /[\u0100-\uffff]/g,
        (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
      );
    }
  },
};

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
const bundled = new Set<string>();
for (const [name, input] of Object.entries(PROGRAMS)) {
  const program = await rolldown({
    cwd: root,
    input: { [name]: input },
    platform: "node",
    transform: { target: "node20.20" },
    plugins: [programsApart, oneByteText],
  });
  const { output } = await program.write({
    dir: dist,
    entryFileNames: "[name].js",
    format: "esm",
    codeSplitting: false,
    sourcemap: true,
    sourcemapExcludeSources: true,
    // White space stays: without it, V8 keeps 13 MB more of the relay.
    minify: { compress: true, mangle: false, codegen: false },
    comments: false,
  });
  await program.close();
  for (const { moduleIds } of output.filter((file) => file.type === "chunk"))
    for (const id of moduleIds) bundled.add(id);
}
for (const [from, to] of Object.entries(FILES))
  cpSync(`${root}${from}`, `${dist}/${to}`, { recursive: true, filter: (path) => !path.endsWith(".ts") });
execFileSync(
  process.execPath,
  [
    `${root}node_modules/typescript/bin/tsc`,
    "-p",
    `${root}scripts/build/tsconfig.json`,
    "--outDir",
    `${dist}/types`,
  ],
  {
    stdio: "inherit",
  },
);
writeFileSync(`${dist}/package.json`, `${JSON.stringify(publishedManifest(manifest), null, 2)}\n`);
writeFileSync(`${dist}/THIRD-PARTY-NOTICES`, notices([...bundled]));
