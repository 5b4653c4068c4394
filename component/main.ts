#!/usr/bin/env node
/** The installer as a process: hands the real world to the program and ends with its status. */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setFlagsFromString } from "node:v8";
import type { Files } from "./hooks/cursor.ts";

/** Takes secrets out of a text, as soon as the program knows which there are. */
let mask: ((text: string) => string) | null = null;

/** Node would print an error with all that it carries: addresses with passwords, headers with tokens. */
async function endUnexpectedly(thrown: unknown): Promise<void> {
  const { unexpectedText } = await import("../lib/unexpected.ts");
  process.stderr.write(`gitlab-hook-relay: ${unexpectedText(thrown, mask)}\n`);
  process.exit(1);
}
// Before anything of ours is loaded: what fails while it loads is reported as well.
process.on("uncaughtException", (error) => void endUnexpectedly(error));
process.on("unhandledRejection", (reason) => void endUnexpectedly(reason));

// Jobs often run in small containers. Without these flags the heap grows to four times what the program keeps alive before V8
// finds it worth collecting; they are set before the program is loaded, because loading it takes as much as running it (measured
// with 10,000 projects: 235 MB resident without, 146 MB with the first flag set afterwards, 114 MB like this). A limit of the new
// space (--max-semi-space-size) has no effect once Node runs, so the second flag keeps it from growing: 12 MB. The last one leaves
// out the second compilation of undici's parser, which took another 16 MB for a moment.
setFlagsFromString("--optimize-for-size");
setFlagsFromString("--semi-space-growth-factor=1");
setFlagsFromString("--liftoff-only");

const [
  { runCli },
  { createTransport },
  { systemClock },
  { systemCode },
  { readTextFile, readTextFileLater },
  { default: pkg },
] = await Promise.all([
  import("./cli/cli.ts"),
  import("../lib/gitlab/transport.ts"),
  import("../lib/clock.ts"),
  import("../lib/errors.ts"),
  import("../lib/text-file.ts"),
  import("../package.json", { with: { type: "json" } }),
]);

const files: Files = {
  async read(path) {
    try {
      return await readTextFileLater(path);
    } catch (error) {
      if (systemCode(error) === "ENOENT") return null;
      throw error;
    }
  },
  async write(path, text) {
    await mkdir(dirname(path), { recursive: true });
    const draft = `${path}.${process.pid}.tmp`;
    await writeFile(draft, text);
    await rename(draft, path);
  },
};

// A reader that went away (`| head`) ends nothing: the run goes on and writes its reports.
function writer(stream: NodeJS.WriteStream): (text: string) => void {
  let open = true;
  stream.on("error", () => {
    open = false;
  });
  return (text) => {
    if (open) stream.write(text);
  };
}
const stdout = writer(process.stdout);
const stderr = writer(process.stderr);
const terminal = process.stdout.isTTY
  ? (await import("./cli/terminal.ts")).createTerminal(process.stdout)
  : null;

// The program's timers do not keep a process alive, and while it waits for a limit there is nothing else that would.
const alive = setInterval(() => {}, 60_000);
try {
  process.exitCode = await runCli({
    argv: process.argv.slice(2),
    env: process.env,
    version: pkg.version,
    clock: systemClock,
    random: Math.random,
    transport: createTransport(process.env),
    files,
    readFile: readTextFile,
    stdout,
    stderr,
    terminal,
    onSecrets: (secrets) => {
      mask = secrets;
    },
    onEnd: (stop) => {
      process.once("SIGTERM", stop);
      process.once("SIGINT", stop);
    },
  });
} finally {
  clearInterval(alive);
}
