#!/usr/bin/env node
/** The program as a process: hands the real world to the commands and ends with their status. */
import { systemClock } from "../lib/clock.ts";
import { readTextFile } from "../lib/text-file.ts";
import pkg from "../package.json" with { type: "json" };
import { runCommandLine } from "./program.ts";

// A reader that went away (`| head`) ends nothing half-way.
function writer(stream: NodeJS.WriteStream): (data: string | Uint8Array) => void {
  let open = true;
  stream.on("error", () => {
    open = false;
  });
  return (data) => {
    if (open) stream.write(data);
  };
}

/** relay/main.ts and component/main.ts are programs of their own: they read the arguments of the process and end it. */
async function become(load: () => Promise<unknown>, argv: readonly string[]): Promise<void> {
  ended.removeSignals();
  process.argv.splice(2, process.argv.length, ...argv);
  await load();
}

/** Asked to end: a first time in order, a second time at once. */
function listenForEnd(): { readonly signal: AbortSignal; removeSignals(): void } {
  const control = new AbortController();
  const onSignal = (): void => {
    if (control.signal.aborted) process.exit(130);
    control.abort();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return {
    signal: control.signal,
    removeSignals() {
      process.removeListener("SIGINT", onSignal);
      process.removeListener("SIGTERM", onSignal);
    },
  };
}

const ended = listenForEnd();
// The clock's timers do not keep a process alive, and while a command waits there may be nothing else that would.
const alive = setInterval(() => {}, 60_000);
const status = await runCommandLine({
  argv: process.argv.slice(2),
  env: process.env,
  version: pkg.version,
  clock: systemClock,
  random: Math.random,
  fetch,
  readFile: readTextFile,
  isTerminal: process.stdout.isTTY === true,
  // 0 is that of a terminal which does not know its size.
  columns: process.stdout.columns || Infinity,
  stdout: writer(process.stdout),
  stderr: writer(process.stderr),
  ended: ended.signal,
  relay: (argv) => become(() => import("../relay/main.ts"), argv),
  installer: (argv) => become(() => import("../component/main.ts"), argv),
});
clearInterval(alive);
if (status !== undefined) process.exitCode = status;
