import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

const unit = readFileSync(new URL("../../deploy/systemd/gitlab-hook-relay.service", import.meta.url), "utf8");
const ANALYZE = "/usr/bin/systemd-analyze";

test("deploy/systemd: gives the relay the time that it needs to end, a state folder, and starts it again", () => {
  const lines = unit.split("\n");
  for (const line of [
    "TimeoutStopSec=35",
    "StateDirectory=gitlab-hook-relay",
    "Restart=always",
    "DynamicUser=yes",
    "Environment=MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=131072",
  ])
    expect(lines).toContain(line);
  // V8 compiles at run time.
  expect(lines).not.toContain("MemoryDenyWriteExecute=yes");
});

test.runIf(existsSync(ANALYZE))("deploy/systemd: systemd finds nothing wrong with the unit", () => {
  const folder = mkdtempSync(join(tmpdir(), "systemd-"));
  const file = join(folder, "gitlab-hook-relay.service");
  const verify = (text: string): string => {
    writeFileSync(file, text);
    return execFileSync("sh", ["-c", '"$0" verify "$1" 2>&1 || true', ANALYZE, file], { encoding: "utf8" });
  };
  // The program is not installed here.
  const here = unit.replace("/usr/bin/gitlab-hook-relay", process.execPath);
  expect(verify(here)).toBe("");
  expect(verify(here.replace("ProtectSystem=strict", "ProtectSystem=strictly"))).toContain("strictly");
  rmSync(folder, { recursive: true });
});
