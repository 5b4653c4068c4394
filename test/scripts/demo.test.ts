import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
let folder = "";
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The number that stands behind a text. */
function counted(output: string, text: string): number {
  return Number(new RegExp(`${text} +(\\d+)`).exec(output)?.[1] ?? Number.NaN);
}

test(
  "npm run demo loses nothing, and leaves no process and no file behind",
  { timeout: 240_000 },
  async () => {
    folder = mkdtempSync(join(tmpdir(), "demo-test-"));
    const child = spawn(process.execPath, ["--import", "tsx", "scripts/demo.ts"], {
      cwd: root,
      env: { ...process.env, TMPDIR: folder },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    }
    const [status] = (await once(child, "close")) as [number | null];
    expect(status, output).toBe(0);
    expect(output).toContain("250 hooks made");
    expect(output).toContain("250 hooks unchanged");
    const fired = counted(output, "pushes fired by GitLab");
    expect(fired).toBe(750);
    expect(counted(output, "acknowledged by the relay")).toBe(fired);
    expect(counted(output, "delivered to the target")).toBe(fired);
    expect(counted(output, "lost")).toBe(0);
    const missed = Number(/(\d+) met a dead relay/.exec(output)?.[1]);
    const kept = Number(/(\d+) acknowledged and not delivered yet/.exec(output)?.[1]);
    expect(missed + kept).toBe(500);
    expect(Math.min(missed, kept), "killed in the middle").toBeGreaterThan(0);
    const addresses = [...output.matchAll(/(http:\/\/127\.0\.0\.1:\d+)/g)].map((match) => match[1] as string);
    expect(output).toContain(`dashboard: ${addresses[1]}/`);
    for (const address of new Set(addresses)) await expect(fetch(address)).rejects.toThrow("fetch failed");
    expect(readdirSync(folder).filter((name) => !name.startsWith("tsx-"))).toEqual([]);
  },
);
