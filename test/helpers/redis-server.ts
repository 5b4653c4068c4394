/** A real Redis of the test's own: on a free port, with its append-only file in a folder of its own. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { hasCommand } from "./tools.ts";
import { freePort } from "./free-port.ts";

export const hasRedis = hasCommand("redis-server", "--version");

export const DURABLE: Readonly<Record<string, string>> = { appendonly: "yes", appendfsync: "always" };

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  readonly process: ChildProcess;
  /** Ends it at once and keeps its files. */
  kill(): Promise<void>;
  /** Starts it again on the same port and files. */
  restart(settings?: Readonly<Record<string, string>>): Promise<void>;
  /** Ends it and removes its files. */
  close(): Promise<void>;
}

async function launch(
  port: number,
  folder: string,
  settings: Readonly<Record<string, string>>,
): Promise<ChildProcess> {
  const options = Object.entries({
    ...settings,
    save: "",
    dir: folder,
    port: String(port),
    bind: "127.0.0.1",
  });
  const child = spawn(
    "redis-server",
    options.flatMap(([name, value]) => [`--${name}`, value]),
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const lines = createInterface({ input: child.stdout });
  await new Promise<void>((resolve, reject) => {
    lines.on("line", (line) => {
      if (line.includes("Ready to accept connections")) resolve();
    });
    child.once("exit", (code) => reject(new Error(`redis-server ended with ${code}`)));
  });
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

/** @param settings as in redis.conf, on top of no snapshots and a folder of its own */
export async function startRedis(settings: Readonly<Record<string, string>> = DURABLE): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), "relay-redis-"));
  const port = await freePort();
  let child = await launch(port, folder, settings);
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    get process() {
      return child;
    },
    kill: () => end(child),
    async restart(changed = settings) {
      await end(child);
      child = await launch(port, folder, changed);
    },
    async close() {
      await end(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
