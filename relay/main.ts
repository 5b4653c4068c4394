/**
 * The relay's entry: the only file that knows the process. Starts the program, turns signals into an orderly end, and ends on an
 * error that no code caught.
 */
import { writeSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { isBuilt } from "../lib/built.ts";
import { systemClock } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import manifest from "../package.json" with { type: "json" };
import { collectWhenQuiet, tuneCollector } from "./process/collector.ts";
import { createPatientReader } from "../lib/answering-files.ts";
import { readTextFile, readTextFileLater } from "../lib/text-file.ts";
import { watchFileFolder } from "./process/files.ts";
import { createLineWriter, createSafeWriter } from "./process/output.ts";
import { createStorageDriver } from "./storage/open.ts";
import { runProgram, type Host } from "./process/program.ts";

tuneCollector();

/** Milliseconds that output and files get before the process ends. */
const LAST_WORDS_MS = 1000;
const LOOK_AGAIN_MS = 20;
const SIGNALS = { SIGINT: 2, SIGTERM: 15 } as const;

const stderr = createSafeWriter(process.stderr, writeSync, () => {});
const toStdout = createSafeWriter(process.stdout, writeSync, (error) =>
  stderr(`gitlab-hook-relay: log lines are lost, standard output cannot be written: ${error}\n`),
);
const stdout = createLineWriter(toStdout, setImmediate);
process.on("exit", () => stdout.flush());

const host: Host = {
  argv: process.argv.slice(2),
  env: process.env,
  version: manifest.version,
  clock: systemClock,
  random: Math.random,
  createStorage: createStorageDriver,
  installer: [...interpreter(), fileURLToPath(new URL(installer(), import.meta.url))],
  readFile: readTextFile,
  readText: createPatientReader(readTextFileLater),
  notify: watchFileFolder,
  isTerminal: process.stdout.isTTY,
  console,
  stdout,
  stderr,
};

function installer(): string {
  return isBuilt ? "./installer.js" : "../component/main.ts";
}

/** What runs a program of ours as this one is run. */
function interpreter(): readonly string[] {
  return "Deno" in globalThis
    ? [process.execPath, "run", "--allow-all"]
    : [process.execPath, ...process.execArgv];
}

let log: Log | null = null;

function fatal(cause: "uncaught error" | "unhandled rejection" | "stop failed", thrown: unknown): never {
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  if (log === null) stderr(`${stack ?? messageOf(thrown)}\n`);
  else log.error("relay.failed", { cause, error: messageOf(thrown), stack });
  process.exit(1);
}

/**
 * Ends the process. Node waits for every thread before it exits, and one that a file does not answer, such as on a network folder that
 * hangs, would keep it for ever: then only a signal helps.
 */
function end(status: number): void {
  const until = performance.now() + LAST_WORDS_MS;
  const look = (): void => {
    const isHeld = process.getActiveResourcesInfo?.().some((name) => name.startsWith("FSReq")) === true;
    if (!isHeld) process.exit(status);
    if (performance.now() < until) {
      setTimeout(look, LOOK_AGAIN_MS);
      return;
    }
    stdout.flush();
    process.kill(process.pid, "SIGKILL");
  };
  look();
}

process.on("uncaughtException", (error) => fatal("uncaught error", error));
process.on("unhandledRejection", (reason) => fatal("unhandled rejection", reason));

const started = await runProgram(host);
if (typeof started === "number") {
  process.exitCode = started;
  // Only if something holds the process up.
  setTimeout(() => end(started), LAST_WORDS_MS).unref();
} else {
  log = started.log;
  if (!("Deno" in globalThis)) collectWhenQuiet(systemClock);
  // What a terminal sends at its end, and what people send to have settings read anew.
  process.on("SIGHUP", () => void started.reload());
  let stopping = false;
  for (const [signal, number] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      if (stopping) {
        end(128 + number);
        return;
      }
      stopping = true;
      started.stop(signal).then(
        () => end(0),
        (error: unknown) => fatal("stop failed", error),
      );
    });
  }
}
