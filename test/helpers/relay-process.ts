/** A relay as a process of its own, on any of the runtimes. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { COMPILE_CACHE } from "./runtimes.ts";

export const ROOT = new URL("../../", import.meta.url).pathname;

export const ADMIN_TOKEN = "an-admin-token-of-32-characters!";
/** What requests to the admin API of such a relay carry. */
export const AS_ADMIN = { Authorization: `Bearer ${ADMIN_TOKEN}` };

/** The command that runs relay/main.ts on the runtime that the tests run on. */
export const TSX: readonly string[] = [process.execPath, "--import", "tsx"];

export interface RelayProcess {
  readonly child: ChildProcess;
  /** Everything that it wrote so far. */
  output(): string;
  stdout(): string;
  stderr(): string;
  /** Resolves with the first log line of this event, also where it was written before. Rejects where the process ends without it. */
  line(event: string): Promise<Record<string, unknown>>;
  /** Where it listens. */
  url(): Promise<string>;
  /** Resolves with its exit status (128 + n after a signal) once all its output is there. */
  exited: Promise<number>;
}

const running = new Set<ChildProcess>();

/** Kills what a test left running; for afterEach. */
export async function killRelays(): Promise<void> {
  await Promise.all(
    [...running].map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const closed = once(child, "close");
      child.kill("SIGKILL");
      await closed;
    }),
  );
}

/** @param env beside PATH and HOME nothing else is passed on; the admin token is ADMIN_TOKEN unless it says otherwise */
export function startRelayProcess(
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
  runtime: readonly string[] = TSX,
): RelayProcess {
  const [file, ...before] = runtime;
  const { PATH = "", HOME = "" } = process.env;
  const child = spawn(file as string, [...before, `${ROOT}relay/main.ts`, ...args], {
    cwd: env["CWD"] ?? ROOT,
    env: { PATH, HOME, PORT: "0", NO_COLOR: "1", RELAY_ADMIN_TOKEN: ADMIN_TOKEN, ...COMPILE_CACHE, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  let stdout = "";
  let stderr = "";
  let closed = false;
  const listeners = new Set<() => void>();
  const changed = (): void => listeners.forEach((listener) => listener());
  child.stdout?.on("data", (chunk) => {
    stdout += String(chunk);
    changed();
  });
  child.stderr?.on("data", (chunk) => {
    stderr += String(chunk);
  });
  const exited = once(child, "close").then(([code, signal]) => {
    closed = true;
    running.delete(child);
    changed();
    return signal === null ? (code as number) : 128 + (signal === "SIGKILL" ? 9 : 15);
  });

  const find = (event: string): Record<string, unknown> | undefined =>
    stdout
      .split("\n")
      .slice(0, -1)
      .map((text) => JSON.parse(text) as Record<string, unknown>)
      .find((line) => line["event"] === event);
  const line = (event: string): Promise<Record<string, unknown>> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = find(event);
        if (found !== undefined) resolve(found);
        else if (closed) reject(new Error(`the relay ended without ${event}:\n${stdout}${stderr}`));
        else return;
        listeners.delete(look);
      };
      listeners.add(look);
      look();
    });

  return {
    child,
    output: () => stdout + stderr,
    stdout: () => stdout,
    stderr: () => stderr,
    line,
    url: async () => (await line("relay.listening"))["url"] as string,
    exited,
  };
}
