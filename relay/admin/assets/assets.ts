/** Style sheet, script and icon of the pages: read once, served under a name that changes with their content. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Hono } from "hono";
import { isBuilt } from "../../../lib/built.ts";
import type { Assets } from "../pages/layout.ts";
import type { AdminEnv } from "../ports.ts";

const STYLE = "page.css";
/** The script of the pages and the modules that it loads. */
const SCRIPTS = ["page.js", "keys.js", "list.js", "live.js", "times.js"];
const YEAR_SECONDS = 31_536_000;

const TYPES = {
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
} as const;

/** Adds the routes below /assets, and /favicon.ico, and returns the addresses for the pages' heads. They hold no secret and need no login. */
export function assetRoutes(app: Hono<AdminEnv>): Assets {
  const serve = (file: string, path: string, type: keyof typeof TYPES, maxAge: number): void => {
    const text = read(file);
    app.get(path, (c) => {
      c.header("Cache-Control", `public, max-age=${maxAge}${maxAge > 86_400 ? ", immutable" : ""}`);
      c.header("X-Content-Type-Options", "nosniff");
      return c.body(text, 200, { "Content-Type": TYPES[type] });
    });
  };
  // One folder name for all: the modules of the script find each other in it.
  const hash = createHash("sha256");
  for (const file of [STYLE, ...SCRIPTS]) hash.update(read(file));
  const folder = `/assets/${hash.digest("hex").slice(0, 12)}`;
  serve(STYLE, `${folder}/${STYLE}`, "css", YEAR_SECONDS);
  for (const file of SCRIPTS) serve(file, `${folder}/${file}`, "js", YEAR_SECONDS);
  serve("icon.svg", "/assets/icon.svg", "svg", 86_400);
  // What browsers ask for beside texts that name no icon.
  serve("icon.svg", "/favicon.ico", "svg", 86_400);
  return { css: `${folder}/${STYLE}`, js: `${folder}/page.js` };
}

function read(file: string): string {
  return readFileSync(new URL(isBuilt ? `./assets/${file}` : `./${file}`, import.meta.url), "utf8");
}
