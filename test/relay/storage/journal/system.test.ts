/** The journal on real disks, in real processes: killed, on a full and on a read-only file system, with failing syncs, on every runtime. */
import { execFile, execFileSync, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConfigError } from "../../../../lib/errors.ts";
import { systemClock } from "../../../../lib/clock.ts";
import { silentLog } from "../../../../lib/log.ts";
import { nodeDisk } from "../../../../relay/storage/journal/disk.ts";
import { openJournal } from "../../../../relay/storage/journal/open.ts";
import { acquireLock, SILENT_MS, TRUST_MS } from "../../../../relay/storage/journal/lock.ts";
import { FakeClock } from "../../../helpers/clock.ts";
import { eventually } from "../../../helpers/eventually.ts";
import { hasRuntime, RUNTIMES, type Runtime } from "../../../helpers/runtimes.ts";
import { available } from "../../../helpers/tools.ts";

const PROGRAM = fileURLToPath(new URL("process.ts", import.meta.url));

type Line = Readonly<Record<string, unknown>>;

let base: string;
const children = new Set<ChildProcess>();

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "journal-system-"));
});

afterEach(async () => {
  await Promise.all([...children].map((child) => kill(child)));
  await rm(base, { recursive: true });
});

interface Started {
  readonly child: ChildProcess;
  readonly lines: Line[];
  /** The first line, also among those that came already, that fits. */
  line(fits: (line: Line) => boolean): Promise<Line>;
}

function start(
  mode: string,
  folder: string,
  command: readonly string[] = RUNTIMES.node,
  preallocate = "off",
): Started {
  const [file = "", ...args] = command;
  const child = spawn(file, [...args, PROGRAM, mode, folder, preallocate], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  children.add(child);
  const lines: Line[] = [];
  const waiting = new Set<() => void>();
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (text) => {
    lines.push(JSON.parse(text) as Line);
    for (const look of waiting) look();
  });
  return {
    child,
    lines,
    line: (fits) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const fitting = lines.find(fits);
          if (fitting === undefined) return;
          waiting.delete(look);
          resolve(fitting);
        };
        waiting.add(look);
        child.once("close", () =>
          reject(new Error(`process ended after ${JSON.stringify(lines.slice(-3))}`)),
        );
        look();
      }),
  };
}

/** What a lock of this process looks like. */
async function heldLock(): Promise<string> {
  const lock = await acquireLock(base, { disk: nodeDisk, clock: systemClock, log: silentLog });
  const target = await readlink(join(base, "lock"));
  await lock.release();
  return target;
}

/** The process that `unshare` runs: its only child. */
function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim());
}

async function kill(child: ChildProcess): Promise<void> {
  children.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, "close");
  child.kill("SIGKILL");
  await closed;
}

/** What a new process finds in the folder. */
async function found(folder: string, runtime: Runtime = "node"): Promise<Line & { keys: string[] }> {
  const [file, ...args] = RUNTIMES[runtime];
  const { stdout } = await promisify(execFile)(file, [...args, PROGRAM, "check", folder], {
    maxBuffer: 1 << 26,
  });
  const line = stdout.split("\n").find((text) => text.includes('"keys"')) ?? "{}";
  return JSON.parse(line) as Line & { keys: string[] };
}

const acked = (lines: readonly Line[]): string[] =>
  lines.flatMap((line) => ("acked" in line ? [line["acked"] as string] : []));

describe("a journal whose process is killed", () => {
  test("has every acknowledged value, and needs no help to be opened again", async () => {
    const lines: Line[] = [];
    for (let round = 0; round < 3; round++) {
      const writing = start("write", base, RUNTIMES.node, round === 0 ? "off" : "auto");
      await writing.line((line) => line["acked"] === `k${100 + round * 57}`);
      await kill(writing.child);
      lines.push(...writing.lines);
    }
    const { keys, quarantinedBytes } = await found(base);
    expect(keys).toEqual(expect.arrayContaining(acked(lines)));
    expect(quarantinedBytes).toBe(0);
    expect((await readdir(base)).filter((name) => name.startsWith("lock"))).toEqual([]);
  });
});

describe("a folder that another process has", () => {
  test("is refused, naming folder and process, until that process is gone", async () => {
    const holder = start("hold", base);
    await holder.line((line) => "open" in line);
    const second = openJournal({ base });
    await expect(second).rejects.toBeInstanceOf(ConfigError);
    await expect(second).rejects.toThrow(`Cannot use folder "${base}": process ${holder.child.pid} has it`);
    holder.child.stdin?.end();
    await holder.line((line) => "closed" in line);
    const journal = await openJournal({ base });
    await journal.close();
  });

  test("is taken over at once from a process that was killed", async () => {
    const holder = start("hold", base);
    await holder.line((line) => "open" in line);
    await kill(holder.child);
    expect((await readdir(base)).filter((name) => name.startsWith("lock"))).toHaveLength(3);
    const journal = await openJournal({ base });
    await journal.close();
    expect((await readdir(base)).filter((name) => name.startsWith("lock"))).toEqual([]);
  });

  test("is refused within one process, too", async () => {
    const journal = await openJournal({ base });
    await expect(openJournal({ base })).rejects.toThrow(`process ${process.pid} has it`);
    await journal.close();
  });

  test.runIf(process.platform === "linux")(
    "is told from one whose process id was given to another process",
    async () => {
      const journal = await openJournal({ base });
      const [pid, startedAt = "", ...rest] = (await readlink(join(base, "lock"))).split("_");
      await journal.close();
      const mine = (pid0: unknown, started: unknown): string =>
        [pid0, started, ...rest.slice(0, -1), ""].join("_");
      await symlink(mine(pid, Number(startedAt) - 1), join(base, "lock"));
      await (await openJournal({ base })).close();
      await symlink(mine(pid, startedAt), join(base, "lock"));
      await expect(openJournal({ base })).rejects.toThrow("has it");
    },
  );

  test.each(["not a lock", "_"])("is told from what is no lock: %j", async (target) => {
    await symlink(target, join(base, "lock"));
    await (await openJournal({ base })).close();
  });

  test("acquireLock() takes a lock of another machine after its holder was silent for 15 seconds, not before", async () => {
    const clock = new FakeClock();
    await symlink("1_2_3_0123456789ab_abcdef_", join(base, "lock"));
    let taken = false;
    const taking = acquireLock(base, { disk: nodeDisk, clock, log: silentLog }).then((lock) => {
      taken = true;
      return lock;
    });
    const isWaiting = (): boolean => clock.pendingTimers > 0;
    for (let second = 1; second < SILENT_MS / 1000; second++) {
      await eventually(isWaiting);
      await clock.advance(1000);
    }
    await eventually(isWaiting);
    expect(taken).toBe(false);
    await clock.advance(1000);
    await eventually(isWaiting);
    await clock.advance(TRUST_MS);
    await (await taking).release();
    expect(await readdir(base)).toEqual([]);
  });

  test("acquireLock() gives way to a machine that took the lock while this one was frozen", async () => {
    const clock = new FakeClock();
    await symlink("1_2_3_0123456789ab_abcdef_", join(base, "lock"));
    const taking = acquireLock(base, { disk: nodeDisk, clock, log: silentLog });
    const lost = expect(taking).rejects.toThrow("another process has taken the folder");
    const isWaiting = (): boolean => clock.pendingTimers > 0;
    for (let second = 1; second <= SILENT_MS / 1000; second++) {
      await eventually(isWaiting);
      await clock.advance(1000);
    }
    await eventually(isWaiting);
    await rm(join(base, "lock"));
    await symlink("4_5_6_ba9876543210_fedcba_", join(base, "lock"));
    await clock.advance(TRUST_MS);
    await lost;
    expect(await readlink(join(base, "lock"))).toBe("4_5_6_ba9876543210_fedcba_");
  });

  test("release() that was frozen leaves the next holder its lock", async () => {
    const path = join(base, "lock");
    const next = "4_5_6_ba9876543210_fedcba_";
    const frozen = {
      ...nodeDisk,
      async rename(from: string, to: string) {
        if (from === path) {
          await rm(path);
          await symlink(next, path);
        }
        await nodeDisk.rename(from, to);
      },
    };
    const lock = await acquireLock(base, { disk: frozen, clock: systemClock, log: silentLog });
    await lock.release();
    expect(await readlink(path)).toBe(next);
    expect(await readdir(base)).toEqual(["lock"]);
  });

  test("acquireLock() refuses while the holder on another machine gives signs of life", async () => {
    const clock = new FakeClock();
    await symlink("1_2_3_0123456789ab_abcdef_", join(base, "lock"));
    const taking = acquireLock(base, { disk: nodeDisk, clock, log: silentLog });
    const refused = expect(taking).rejects.toThrow("process 1 on another machine has it");
    await eventually(() => clock.pendingTimers > 0);
    await symlink("abcdef_7", join(base, "lock.beat"));
    await clock.advance(2000);
    await refused;
  });

  test("a holder whose lock was taken writes nothing more, and leaves the other's files alone", async () => {
    const clock = new FakeClock();
    const errors: string[] = [];
    const log = { ...silentLog, error: (event: string) => void errors.push(event) };
    const journal = await openJournal({ base, minFreeBytes: 0 }, { clock, log });
    await journal.write([{ type: "set", key: "k", value: Buffer.from("v") }], "synced");
    await rm(join(base, "lock"));
    await symlink("1_2_3_0123456789ab_abcdef_", join(base, "lock"));
    await clock.advance(2000);
    await eventually(() => errors.includes("journal.lock-lost"));
    const before = await readFile(join(base, "journal", "0000000001.log"));
    await expect(
      journal.write([{ type: "set", key: "l", value: Buffer.from("v") }], "synced"),
    ).rejects.toThrow("another process has taken the folder");
    expect(journal.trouble()).toContain("another process has taken the folder");
    await journal.close().catch(() => {});
    expect(await readFile(join(base, "journal", "0000000001.log"))).toEqual(before);
    expect(await readlink(join(base, "lock"))).toBe("1_2_3_0123456789ab_abcdef_");
  });

  test.runIf(process.platform === "linux")(
    "is told by its socket where process ids mean nothing",
    async () => {
      const journal = await openJournal({ base });
      const [, , , boot = ""] = (await readlink(join(base, "lock"))).split("_");
      await journal.close();
      const elsewhere = `1_2_999_${boot}_abcdef_socket`;
      const server = createServer().listen(join(base, "lock.abcdef.socket"));
      await once(server, "listening");
      await symlink(elsewhere, join(base, "lock"));
      await expect(openJournal({ base })).rejects.toThrow("process 1 has it");
      // What is left of a holder that was killed: a socket at which nobody listens.
      const dead = spawn(process.execPath, [
        "-e",
        `require("net").createServer().listen(${JSON.stringify(join(base, "lock.dead.socket"))})`,
      ]);
      children.add(dead);
      while (!(await readdir(base)).includes("lock.dead.socket")) await promisify(setImmediate)();
      await kill(dead);
      await rm(join(base, "lock"));
      await symlink(`1_2_999_${boot}_dead_socket`, join(base, "lock"));
      await (await openJournal({ base })).close();
      server.close();
      await once(server, "close");
    },
  );

  test("has one winner where many take over a stale lock at once", async () => {
    const [, started = "", namespace = "", boot = ""] = (await heldLock()).split("_");
    const stale = `1_${Number(started) + 1}_${namespace}_${boot}_abcdef_`;
    for (let round = 0; round < 20; round++) {
      await symlink(stale, join(base, "lock"));
      const all = await Promise.allSettled(
        Array.from({ length: 10 }, () =>
          acquireLock(base, { disk: nodeDisk, clock: systemClock, log: silentLog }),
        ),
      );
      const won = all.filter((one) => one.status === "fulfilled");
      expect(won).toHaveLength(1);
      await won[0]?.value.release();
    }
    expect(await readdir(base)).toEqual([]);
  });
});

/** Two machines on one folder: namespaces of their own, and another boot id. */
const mayUnshare =
  process.platform === "linux" &&
  available(
    "unshare",
    spawnSync("unshare", ["--mount", "--uts", "--pid", "--fork", "--mount-proc", "true"]).status === 0,
  );

describe.runIf(mayUnshare)("two machines on one folder (needs the right to unshare)", () => {
  const machine = (name: string): string[] => [
    "unshare",
    "--mount",
    "--uts",
    "--pid",
    "--fork",
    "--mount-proc",
    "--kill-child",
    "sh",
    "-c",
    `hostname ${name} && mount --bind ${join(base, `boot-${name}`)} /proc/sys/kernel/random/boot_id && exec "$@"`,
    "sh",
    ...RUNTIMES.node,
  ];

  test("never write at once: the second is refused while the first lives, and takes over from one that is frozen", async () => {
    const shared = join(base, "shared");
    await writeFile(join(base, "boot-one"), "11111111-1111-1111-1111-111111111111");
    await writeFile(join(base, "boot-two"), "22222222-2222-2222-2222-222222222222");
    const first = start("write", shared, machine("one"));
    await first.line((line) => line["acked"] === "k30");
    const refused = start("hold", shared, machine("two"));
    const [code] = (await once(refused.child, "exit")) as [number];
    expect(code).not.toBe(0);
    const inside = childOf(first.child.pid!);
    process.kill(inside, "SIGSTOP");
    const second = start("write", shared, machine("two"));
    await second.line((line) => "open" in line);
    await second.line((line) => line["acked"] === "k10");
    const before = acked(first.lines);
    process.kill(inside, "SIGCONT");
    await first.line((line) => line["code"] === "storage");
    // What was on its way when it froze may still be acknowledged: that was synced before, or is refused.
    await second.line((line) => line["acked"] === "k60");
    await kill(first.child);
    await kill(second.child);
    expect(before.length).toBeGreaterThan(0);
    // Both machines are gone; the next process need not find that out.
    await rm(join(shared, "lock"));
    const { keys, quarantinedBytes } = await found(shared);
    expect(quarantinedBytes).toBe(0);
    const kept = new Set(keys);
    expect([...acked(first.lines), ...acked(second.lines)].filter((key) => !kept.has(key))).toEqual([]);
  });
});

describe("the folder of a journal", () => {
  test("is its owner's alone", async () => {
    const folder = join(base, "new", "one");
    const journal = await openJournal({ base: folder });
    await journal.write([{ type: "set", key: "k", value: Buffer.from("v") }], "synced");
    const modes: number[] = [];
    for (const path of ["", "journal", "journal/0000000001.log"])
      modes.push((await stat(join(folder, path))).mode & 0o777);
    expect(modes).toEqual([0o700, 0o700, 0o600]);
    await journal.close();
  });

  test("may not be a file", async () => {
    await rm(base, { recursive: true });
    execFileSync("touch", [base]);
    await expect(openJournal({ base })).rejects.toBeInstanceOf(ConfigError);
  });
});

/** Whether this process may mount file systems; CI containers mostly may not. */
/** A right that containers lack, and no tool: its tests are skipped without it, REQUIRE_TOOLS or not. */
const mayMount = await (async () => {
  const folder = await mkdtemp(join(tmpdir(), "journal-mount-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], { stdio: "ignore" });
    execFileSync("umount", [folder]);
    return true;
  } catch {
    return false;
  } finally {
    await rm(folder, { recursive: true });
  }
})();

describe.runIf(mayMount)("a journal on a file system of its own (needs the right to mount)", () => {
  let mounted: string;
  beforeEach(async () => {
    mounted = join(base, "mounted");
    await mkdir(mounted);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", mounted]);
  });
  afterEach(() => void execFileSync("umount", [mounted]));

  test("refuses when it is full, keeps what it acknowledged, and goes on when there is room", async () => {
    const writing = start("write", mounted);
    await writing.line((line) => line["code"] === "disk-full");
    execFileSync("mount", ["-o", "remount,size=2m", mounted]);
    const before = acked(writing.lines).length;
    while (acked(writing.lines).length < before + 20)
      await once(writing.child.stdout as NodeJS.ReadableStream, "data");
    await kill(writing.child);
    const { keys, quarantinedBytes } = await found(mounted);
    expect(keys).toEqual(expect.arrayContaining(acked(writing.lines)));
    expect(quarantinedBytes).toBe(0);
  });

  test("can be opened while it is full", async () => {
    const writing = start("write", mounted);
    await writing.line((line) => line["code"] === "disk-full");
    execFileSync("sh", ["-c", `cat /dev/zero > ${join(mounted, "filler")} || true`], { stdio: "ignore" });
    await kill(writing.child);
    expect((await found(mounted)).keys).toEqual(expect.arrayContaining(acked(writing.lines)));
  });

  test("is refused with a clear message where it is read-only", async () => {
    await (await openJournal({ base: mounted })).close();
    execFileSync("mount", ["-o", "remount,ro", mounted]);
    await expect(openJournal({ base: mounted })).rejects.toBeInstanceOf(ConfigError);
    await expect(openJournal({ base: mounted })).rejects.toThrow(
      `Cannot write to the journal's folder "${mounted}": EROFS`,
    );
  });
});

/** Whether strace is there and may trace; it makes the system calls of a process fail. */
const mayTrace = available(
  "strace",
  spawnSync("strace", ["-f", "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO", "true"]).status === 0,
);

describe.runIf(mayTrace)("a journal whose system calls fail (needs strace)", () => {
  test.each([
    ["fdatasync", "inject=fdatasync:error=EIO:when=5+7", "storage", "off"],
    ["pwritev", "inject=pwritev,pwrite64,writev:error=ENOSPC:when=5+7", "disk-full", "off"],
    ["a write in place", "inject=pwritev,pwrite64:error=EIO:when=9+7", "storage", "auto"],
  ])("refuses while %s fails, goes on afterwards, and has what it acknowledged", async (...row) => {
    const [, inject, code, preallocate] = row;
    const strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", inject];
    const writing = start("write", base, [...strace, ...RUNTIMES.node], preallocate);
    await writing.line((line) => line["code"] === code);
    const refused = writing.lines.filter((line) => "refused" in line).length;
    const before = acked(writing.lines).length;
    while (acked(writing.lines).length < before + 20)
      await once(writing.child.stdout as NodeJS.ReadableStream, "data");
    expect(refused).toBeGreaterThan(0);
    const pid = writing.lines.find((line) => "open" in line)?.["open"] as number;
    const closed = once(writing.child, "close");
    process.kill(pid, "SIGKILL");
    await closed;
    expect((await found(base)).keys).toEqual(expect.arrayContaining(acked(writing.lines)));
  });
});

describe("the journal on every runtime", () => {
  test.runIf(hasRuntime("node24") && hasRuntime("deno"))(
    "is written by one and read by the others",
    async () => {
      const all = new Set<string>();
      for (const runtime of ["node", "node24", "deno"] as const) {
        const writing = start("write", base, RUNTIMES[runtime]);
        await writing.line((line) => line["acked"] === "k30");
        await kill(writing.child);
        for (const key of acked(writing.lines)) all.add(key);
        for (const reader of ["node", "node24", "deno"] as const) {
          expect((await found(base, reader)).keys, `${runtime}, ${reader}`).toEqual(
            expect.arrayContaining([...all]),
          );
        }
      }
    },
  );
});

describe("the memory of a journal", () => {
  test("is at most 250 bytes for each key, written or found", async () => {
    const [file, ...args] = RUNTIMES.node;
    const { stdout } = await promisify(execFile)(file, ["--expose-gc", ...args, PROGRAM, "memory", base]);
    const { keys, written, found: read } = JSON.parse(stdout) as Record<string, number>;
    expect(keys).toBe(1_000_000);
    expect(written).toBeLessThan(250);
    expect(read).toBeLessThan(250);
  });
});
