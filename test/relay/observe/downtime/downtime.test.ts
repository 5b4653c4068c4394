import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { LogFields, Log } from "../../../../lib/log.ts";
import { silentLog } from "../../../../lib/log.ts";
import { BEAT_MS, openAbsence, type Absence } from "../../../../relay/observe/downtime/downtime.ts";
import { createFilesHeartbeat, HEARTBEAT_FILE } from "../../../../relay/storage/files/heartbeat.ts";
import { unguarded } from "../../../../relay/storage/files/small-files.ts";
import { timeIn, type Heartbeat } from "../../../../relay/storage/heartbeat.ts";
import { createFilesDriver } from "../../../../relay/storage/files/index.ts";
import { configSchema } from "../../../../relay/config/schema.ts";
import { FakeClock } from "../../../helpers/clock.ts";

interface Line {
  readonly level: string;
  readonly event: string;
  readonly fields: LogFields | undefined;
}

function recording(): { log: Log; lines: Line[] } {
  const lines: Line[] = [];
  const at = (level: string) => (event: string, fields?: LogFields) =>
    void lines.push({ level, event, fields });
  return { log: { ...silentLog, info: at("info"), warn: at("warn") }, lines };
}

function memoryMark(
  at: number | null = null,
): Heartbeat & { at: number | null; fails: boolean; closed: boolean } {
  const mark = {
    at,
    fails: false,
    closed: false,
    read: () => (mark.fails ? Promise.reject(new Error("EIO")) : Promise.resolve(mark.at)),
    write(now: number) {
      if (mark.fails) return Promise.reject(new Error("ENOSPC"));
      mark.at = now;
      return Promise.resolve();
    },
    close() {
      mark.closed = true;
      return Promise.resolve();
    },
  };
  return mark;
}

const clock = new FakeClock();
let registry: Registry;
let ready: boolean;
let lines: Line[];
beforeEach(() => {
  registry = new Registry();
  ready = true;
});

async function started(mark: Heartbeat): Promise<Absence> {
  const recorded = recording();
  lines = recorded.lines;
  return openAbsence({ heartbeat: mark, clock, log: recorded.log, registry, isReady: () => ready });
}

describe("openAbsence()", () => {
  test("tells in the log, in a metric and for readiness since when the relay had been away", async () => {
    const gone = clock.now() - 3_600_000;
    const absence = await started(memoryMark(gone));
    expect(absence.lastSeenAt).toBe(gone);
    expect(lines).toEqual([
      {
        level: "warn",
        event: "relay.downtime-detected",
        fields: {
          since: new Date(gone).toISOString(),
          seconds: 3600,
          note: expect.stringContaining("recover"),
        },
      },
    ]);
    expect(await registry.metrics()).toContain(`relay_last_seen_seconds ${gone / 1000}\n`);
    expect(absence.check()).toMatchObject({ name: "last-seen", ok: true });
    expect(absence.check().detail).toMatch(/^away from .* 3600 seconds; the recover command/);
    await absence.close();
  });

  test("an ordinary restart is no alarm, a first start no absence", async () => {
    const restart = await started(memoryMark(clock.now() - 4000));
    expect([lines[0]?.level, lines[0]?.event]).toEqual(["info", "relay.downtime-detected"]);
    expect(restart.check().detail).not.toContain("recover");
    registry = new Registry();
    const first = await started(memoryMark());
    expect([lines[0]?.event, first.lastSeenAt]).toEqual(["relay.first-start", null]);
    expect(await registry.metrics()).toContain(`relay_last_seen_seconds ${clock.now() / 1000}\n`);
    expect(first.check()).toMatchObject({ ok: true, detail: expect.stringContaining("nothing is known") });
  });

  test("notes the time every few seconds, only while webhooks are taken, and once more at the end", async () => {
    const mark = memoryMark();
    const absence = await started(mark);
    await clock.advance(BEAT_MS * 2);
    expect(mark.at).toBeNull();
    absence.begin();
    await clock.advance(BEAT_MS * 3);
    const seen = clock.now();
    expect(seen - (mark.at ?? 0)).toBeLessThanOrEqual(BEAT_MS);
    ready = false;
    await clock.advance(BEAT_MS * 3);
    expect(mark.at).toBeLessThanOrEqual(seen);
    ready = true;
    await clock.advance(BEAT_MS + 1234);
    await absence.close();
    expect([mark.at, mark.closed]).toEqual([clock.now(), true]);
    expect(clock.pendingTimers).toBe(0);
  });

  test("a storage that fails costs a warning, and the notes go on", async () => {
    const mark = memoryMark();
    mark.fails = true;
    const absence = await started(mark);
    absence.begin();
    await clock.advance(BEAT_MS * 3);
    expect(lines.map((line) => line.event)).toEqual([
      "heartbeat.read-failed",
      "relay.first-start",
      "heartbeat.write-failed",
    ]);
    mark.fails = false;
    await clock.advance(BEAT_MS);
    expect(clock.now() - (mark.at ?? 0)).toBeLessThanOrEqual(BEAT_MS);
    await absence.close();
  });
});

describe("createFilesHeartbeat()", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "mark-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test("gives back the last time, and never grows", async () => {
    const mark = createFilesHeartbeat(folder, unguarded);
    expect(await mark.read()).toBeNull();
    await mark.write(1_700_000_000_000);
    await mark.write(1_700_000_005_000);
    expect(await createFilesHeartbeat(folder, unguarded).read()).toBe(1_700_000_005_000);
    await mark.close();
    const next = createFilesHeartbeat(folder, unguarded);
    await next.write(1_700_000_010_000);
    await next.close();
    expect(await readFile(join(folder, HEARTBEAT_FILE), "utf8")).toBe("1700000010000\n");
    expect((await stat(join(folder, HEARTBEAT_FILE))).size).toBe(14);
  });

  test("what is no time counts as none", async () => {
    await writeFile(join(folder, HEARTBEAT_FILE), "\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    expect(await createFilesHeartbeat(folder, unguarded).read()).toBeNull();
    expect([timeIn("12"), timeIn(""), timeIn(null), timeIn("1700000000000")]).toEqual([
      null,
      null,
      null,
      1_700_000_000_000,
    ]);
  });

  test("createFilesDriver() puts it into the data folder", async () => {
    const { queue } = configSchema.parse({ queue: { fs: { base: folder } } });
    const deps = { clock, log: silentLog, random: Math.random, onSync: () => {}, settings: () => queue };
    const mark = await createFilesDriver(deps).openHeartbeat();
    await mark.write(1_700_000_000_000);
    await mark.close();
    expect(timeIn(await readFile(join(folder, HEARTBEAT_FILE), "utf8"))).toBe(1_700_000_000_000);
  });
});
