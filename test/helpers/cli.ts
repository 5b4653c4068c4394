/** The program in the test's own process: what it writes is kept, what it asks of the relay goes to an app in memory. */
import { readCall, runCommandLine, type NamedCommand } from "../../cli/program.ts";
import type { CliWorld } from "../../cli/world.ts";
import { systemClock } from "../../lib/clock.ts";
import type { AdminFixture } from "./admin.ts";
import { ADMIN_TOKEN } from "./relay-process.ts";

export interface CliRun {
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** Arguments with which relay/main.ts or component/main.ts would have run. */
  readonly relay: readonly (readonly string[])[];
  readonly installer: readonly (readonly string[])[];
}

/** A world whose outputs are kept; nothing can be reached in it. */
function createWorld(argv: readonly string[], changes: Partial<CliWorld>) {
  const relay: (readonly string[])[] = [];
  const installer: (readonly string[])[] = [];
  const written = { stdout: "", stderr: "" };
  const world: CliWorld = {
    argv,
    env: { RELAY_ADMIN_TOKEN: ADMIN_TOKEN },
    version: "1.2.3",
    clock: systemClock,
    random: () => 0.5,
    fetch: () => Promise.reject(new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED") })),
    readFile: (path) => {
      throw Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
    },
    isTerminal: false,
    columns: 200,
    stdout: (data) => (written.stdout += Buffer.from(data as string).toString()),
    stderr: (text) => (written.stderr += text),
    ended: new AbortController().signal,
    relay: async (args) => void relay.push(args),
    installer: async (args) => void installer.push(args),
    ...changes,
  };
  return { world, written, relay, installer };
}

/** Runs `gitlab-hook-relay ARGV`; the admin token is in the environment. */
export async function runCli(argv: readonly string[], changes: Partial<CliWorld> = {}): Promise<CliRun> {
  const { world, written, relay, installer } = createWorld(argv, changes);
  const status = await runCommandLine(world);
  return { status, ...written, relay, installer };
}

/** Reads `gitlab-hook-relay ARGV` and runs nothing. */
export async function readArguments(
  argv: readonly string[],
): Promise<{ readonly call: NamedCommand | number; readonly stderr: string }> {
  const { world, written } = createWorld(argv, {});
  return { call: await readCall(world), stderr: written.stderr };
}

/** The relay's app as the network. */
export function fetchOf(fixture: AdminFixture): typeof fetch {
  return async (input, init) => {
    const { pathname, search } = new URL(input as string);
    const { method = "GET", body = null, headers } = init ?? {};
    return await fixture.raw(pathname + search, {
      method,
      headers: headers as Record<string, string>,
      ...(typeof body === "string" ? { body } : {}),
    });
  };
}
