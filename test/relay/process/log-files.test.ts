import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createLog, createSecrets } from "../../../lib/log.ts";
import { openLogFiles } from "../../../relay/process/log-files.ts";

let dir: string;
let now: number;
let troubles: string[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "relay-log-"));
  now = Date.UTC(2026, 0, 30, 23, 59, 59);
  troubles = [];
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const open = (keepDays = 14, folder = join(dir, "logs")) =>
  openLogFiles({
    dir: folder,
    keepDays,
    now: () => now,
    onTrouble: (message) => void troubles.push(message),
  });
const names = (): string[] => readdirSync(join(dir, "logs")).sort();

describe("openLogFiles()", () => {
  test("begins a new file with each UTC day and appends to what is there", async () => {
    const first = await open();
    first.write('{"n":1}\n');
    now += 2000;
    first.write('{"n":2}\n');
    await first.close();
    const second = await open();
    second.write('{"n":3}\n');
    await second.close();
    expect(names()).toEqual(["relay-2026-01-30.jsonl", "relay-2026-01-31.jsonl"]);
    expect(readFileSync(join(dir, "logs/relay-2026-01-31.jsonl"), "utf8")).toBe('{"n":2}\n{"n":3}\n');
    expect(statSync(join(dir, "logs/relay-2026-01-31.jsonl")).mode & 0o777).toBe(0o640);
    expect(troubles).toEqual([]);
  });

  test("removes files older than the days kept, and nothing else", async () => {
    await (await open()).close();
    for (const name of [
      "relay-2026-01-27.jsonl",
      "relay-2026-01-28.jsonl",
      "relay-2025-12-01.jsonl",
      "notes.txt",
    ])
      writeFileSync(join(dir, "logs", name), "");
    const files = await open(3);
    files.write("{}\n");
    while (names().length > 3) await new Promise((resolve) => setImmediate(resolve));
    await files.close();
    expect(names()).toEqual(["notes.txt", "relay-2026-01-28.jsonl", "relay-2026-01-30.jsonl"]);
  });

  test("tells trouble once and goes on", async () => {
    const files = await open();
    rmSync(join(dir, "logs"), { recursive: true });
    files.write("{}\n");
    while (troubles.length === 0) await new Promise((resolve) => setImmediate(resolve));
    files.write("{}\n");
    await files.close();
    expect(troubles).toHaveLength(1);
    expect(troubles[0]).toMatch(/log file/);
  });

  test("writes the lines of the log as they are, masked", async () => {
    const files = await open();
    const secrets = createSecrets();
    secrets.add(["hunter22"]);
    secrets.setPatterns(["glpat-\\w+"]);
    const log = createLog({ level: "info", secrets, write: (line) => files.write(line) });
    log.info("event.finished", { note: "hunter22 glpat-abcdef" });
    await files.close();
    const line = readFileSync(join(dir, "logs/relay-2026-01-30.jsonl"), "utf8");
    expect(JSON.parse(line)).toMatchObject({ level: "info", event: "event.finished", note: "*** ***" });
    secrets.setPatterns([]);
    expect(secrets.mask("glpat-abcdef hunter22")).toBe("glpat-abcdef ***");
  });
});
