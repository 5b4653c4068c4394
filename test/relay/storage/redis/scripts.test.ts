import { readdirSync, readFileSync } from "node:fs";
import { parse } from "luaparse";
import { describe, expect, test } from "vitest";
import { SCRIPTS } from "../../../../relay/storage/redis/scripts.ts";

const folder = new URL("../../../../relay/storage/redis/lua/", import.meta.url);
const files = readdirSync(folder)
  .filter((name) => name.endsWith(".lua"))
  .map((name) => name.slice(0, -".lua".length));

/** Globals that Redis gives a script (its Lua is 5.1); it refuses every other one. */
const GLOBALS = new Set(["redis", "KEYS", "ARGV", "string", "table", "math"]);
const FUNCTIONS = new Set(["error", "ipairs", "next", "pairs", "tonumber", "tostring", "type", "unpack"]);

test("SCRIPTS has every file of lua/ and nothing else", () => {
  expect(Object.keys(SCRIPTS).toSorted()).toEqual(files.toSorted());
});

describe.each(Object.entries(SCRIPTS))("%s.lua", (name, { lua }) => {
  test("is Lua 5.1 and uses no global that Redis does not give it", () => {
    const { globals = [] } = parse(lua, { luaVersion: "5.1", scope: true }) as unknown as {
      globals?: { readonly name: string }[];
    };
    const names = globals.map((global) => global.name);
    expect(names.filter((global) => !GLOBALS.has(global) && !FUNCTIONS.has(global))).toEqual([]);
  });

  test("says in its head what it takes and what it answers", () => {
    const lines = readFileSync(new URL(`${name}.lua`, folder), "utf8").split("\n");
    const head = lines
      .slice(
        0,
        lines.findIndex((line) => !line.startsWith("--")),
      )
      .join("\n");
    expect(head).toMatch(/^-- KEYS\[1\] /m);
    expect(head).toMatch(/^-- Answer /m);
    const body = lines.join("\n").slice(head.length);
    for (const [argument] of body.matchAll(/ARGV\[\d+\]/g))
      expect(head, `${name} uses ${argument}`).toContain(argument);
  });
});
