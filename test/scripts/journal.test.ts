import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openJournal } from "../../relay/storage/journal/open.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
let base: string;
beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), "print-journal-"));
  const journal = await openJournal({ base, minFreeBytes: 0 });
  await journal.write([{ type: "set", key: "event:a", value: Buffer.from("first") }], "synced");
  await journal.write([{ type: "set", key: "state:a", value: Buffer.from("second") }], "synced");
  await journal.write([{ type: "remove", key: "event:a" }], "synced");
  await journal.close();
});
afterEach(() => rmSync(base, { recursive: true }));

function print(...args: string[]): { readonly out: string; readonly status: number | null } {
  const run = spawnSync(process.execPath, ["--import", "tsx", "scripts/journal.ts", ...args], {
    cwd: root,
    encoding: "utf8",
  });
  return { out: run.stdout + run.stderr, status: run.status };
}

const folder = (): string => join(base, "journal");
const segment = (): string => join(folder(), "0000000001.log");

test("npm run journal prints each frame with its key and size, in the order of writing", () => {
  const { out, status } = print(folder());
  expect(status).toBe(0);
  const frames = out
    .split("\n")
    .flatMap((line) => /^ +\d+ {2}(\w+ +\S+ {2}\d+ bytes)$/.exec(line)?.[1] ?? []);
  expect(frames).toEqual([
    "set     event:a  5 bytes",
    "set     state:a  6 bytes",
    "remove  event:a  0 bytes",
  ]);
  expect(out).toContain("3 frames, 0 bytes that are no frame");
});

test("npm run journal --keys leaves out other keys", () => {
  const { out } = print(folder(), "--keys", "state:");
  expect(out).toContain("state:a");
  expect(out).not.toContain("event:a");
});

test("npm run journal names damage and reads on behind it", () => {
  const bytes = readFileSync(segment());
  bytes[bytes.indexOf("first")]! ^= 1;
  writeFileSync(segment(), bytes);
  const { out } = print(folder());
  expect(out).toContain("no whole frame up to");
  expect(out).toContain("state:a");
});

test("npm run journal says what is wrong with its arguments and exits with 2", () => {
  expect(print()).toEqual({ out: expect.stringContaining("usage"), status: 2 });
  expect(print(join(base, "nothing"))).toEqual({ out: expect.stringContaining("ENOENT"), status: 2 });
});
