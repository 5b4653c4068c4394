import { describe, expect, test } from "vitest";
import {
  circles,
  doubleNames,
  driverSwitches,
  longSignatures,
  looseFiles,
  wrongWay,
} from "../../scripts/structure/rules.ts";
import { parseSource } from "../../scripts/structure/sources.ts";

describe("parseSource()", () => {
  test("tells type imports from others, and sees import(), export-from and import types", () => {
    const text = `
      import type { A } from "./a.ts";
      import { type B, c } from "./b.ts";
      import { type D } from "./d.ts";
      export { e } from "./e.ts";
      const f = await import("./f.ts");
      type G = import("./g.ts").G;
      import "hono";`;
    expect(parseSource("lib/x.ts", text).imports).toEqual([
      { specifier: "./a.ts", file: "lib/a.ts", isType: true },
      { specifier: "./b.ts", file: "lib/b.ts", isType: false },
      { specifier: "./d.ts", file: "lib/d.ts", isType: true },
      { specifier: "hono", file: null, isType: false },
      { specifier: "./e.ts", file: "lib/e.ts", isType: false },
      { specifier: "./f.ts", file: "lib/f.ts", isType: false },
      { specifier: "./g.ts", file: "lib/g.ts", isType: true },
    ]);
  });

  test.each([
    "process.pid",
    "const { env } = process",
    "run(process)",
    "process['exit'](1)",
    "const all = { process }",
  ])("sees the process in %s", (text) => expect(parseSource("lib/x.ts", text).usesProcess).toBe(true));

  test.each([
    "deps.process.pid",
    "const all = { process: 1 }",
    "interface All { process: 1 }",
    "// process.exit()",
  ])("sees no process in %s", (text) => expect(parseSource("lib/x.ts", text).usesProcess).toBe(false));

  test.each([
    ["switch (queue.driver) { case 'fs': }", 1],
    ["if (driver !== 'fs') stop()", 1],
    ["if (driver === other) stop()", 0],
    ["switch (kind) { case 'fs': }", 0],
  ])("counts questions for the driver in %s", (text, count) => {
    expect(parseSource("lib/x.ts", text).driverSwitches).toBe(count);
  });

  test("lists what a file declares and exports, not what it passes on", () => {
    const text = `
      export const A = ["x"] as const, b = 1;
      export type A = (typeof A)[number];
      export interface C {}
      export class D {}
      export function e() {}
      export { f } from "./f.ts";`;
    expect(parseSource("lib/x.ts", text).exports).toEqual(["A", "b", "A", "C", "D", "e"]);
  });

  test("refuses what is no TypeScript, naming the file", () => {
    expect(() => parseSource("lib/x.ts", "const = 1")).toThrow(/^lib\/x\.ts: /);
  });
});

const source = (file: string, text: string) => parseSource(file, text);

describe("the rules", () => {
  test("wrongWay() names an import up the order, types included, and allows the way down", () => {
    const queue = source("relay/queue/a.ts", `import type { B } from "../admin/b.ts";`);
    const admin = source("relay/admin/b.ts", `import { a } from "../queue/a.ts"; import "../process/c.ts";`);
    expect(wrongWay([queue, admin])).toEqual([
      "relay/queue/a.ts -> relay/admin/b.ts",
      "relay/admin/b.ts -> relay/process/c.ts",
    ]);
  });

  test("circles() finds circles of any length, by types too, and only their members", () => {
    const files = [
      source("lib/a.ts", `import type { B } from "./b.ts";`),
      source("lib/b.ts", `import { c } from "./c.ts";`),
      source("lib/c.ts", `import { a } from "./a.ts";`),
      source("lib/d.ts", `import { a } from "./a.ts";`),
    ];
    expect(circles(files)).toEqual([["lib/a.ts", "lib/b.ts", "lib/c.ts"]]);
  });

  test("doubleNames() counts a name once for each file, so that a constant and its type are one", () => {
    const files = [
      source("lib/a.ts", `export const Kind = 1; export type Kind = 1; export const one = 1;`),
      source("lib/b.ts", `export const one = 2;`),
    ];
    expect(doubleNames(files)).toEqual(["one: lib/a.ts, lib/b.ts"]);
  });

  test("looseFiles() allows the entries alone, driverSwitches() has a line for each question", () => {
    const files = ["relay/main.ts", "relay/x.ts", "component/hooks/y.ts"].map((file) =>
      source(file, `if (a.driver === "fs") x(); else if (b.driver === "redis") y();`),
    );
    expect(looseFiles(files)).toEqual(["relay/x.ts"]);
    expect(driverSwitches(files)).toHaveLength(6);
  });

  test("longSignatures() names functions, methods and types of more than four parameters, the measured columns apart", () => {
    const text = `
      export function a(p, q, r, s, t) {}
      const b = (p, q, r, s, ...t) => p;
      class C { constructor(p, q, r, s, t) {} #d(p, q, r, s, t = 1, u) {} static e(p, q, r, { s, t }) {} }
      interface F { g(p, q, r, s, t): void; readonly h: (p, q, r, s, t) => void }`;
    expect(longSignatures([source("lib/x.ts", text)])).toEqual([
      "lib/x.ts:2 a (5)",
      "lib/x.ts:3 b (5)",
      "lib/x.ts:4 constructor (5)",
      "lib/x.ts:4 d (6)",
      "lib/x.ts:5 g (5)",
      "lib/x.ts:5 without a name (5)",
    ]);
    expect(longSignatures([source("relay/storage/columns/columns.ts", text)])).toEqual([]);
  });
});
