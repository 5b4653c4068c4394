/**
 * `npm run build`: what is published and what the image holds, in dist/. Each program is one JavaScript file with its source map and
 * needs nothing else installed; handlers in TypeScript need tsx on a Node that cannot read it (before 22.18).
 *
 * dist/ (or `--out FOLDER`) is a package: `npm pack ./dist`.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build, type Plugin } from "esbuild";
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
  setup({ onResolve }) {
    onResolve({ filter: /\/(relay|component)\/main\.ts$/ }, ({ path, kind }) =>
      kind === "dynamic-import"
        ? { path: path.includes("/relay/") ? "./relay.js" : "./installer.js", external: true }
        : null,
    );
  },
};

/**
 * Text in templates stays as it is written, and a single character that Latin-1 does not have makes V8 keep the whole program with two bytes
 * for each: such characters are escaped.
 */
const oneByteText: Plugin = {
  name: "one-byte-text",
  setup({ onLoad }) {
    onLoad({ filter: /\/(?:lib|relay|component|cli)\/.*\.ts$/ }, ({ path }) =>
      path.includes("/node_modules/")
        ? null
        : {
            loader: "ts",
            contents: readFileSync(path, "utf8").replaceAll(
              /[\u0100-\uffff]/g,
              (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
            ),
          },
    );
  },
};

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: PROGRAMS,
  outdir: dist,
  bundle: true,
  platform: "node",
  target: "node20.20",
  format: "esm",
  sourcemap: true,
  sourcesContent: false,
  minifySyntax: true,
  minifyWhitespace: true,
  metafile: true,
  legalComments: "none",
  plugins: [programsApart, oneByteText],
  // Packages in CommonJS ask for Node's modules with require(), which modules do not have.
  banner: {
    js: 'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);',
  },
  logLevel: "warning",
});
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
writeFileSync(`${dist}/THIRD-PARTY-NOTICES`, notices(root, Object.keys(metafile.inputs)));
