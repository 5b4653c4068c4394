/** The programs of the demo as real processes: started from this checkout, logged to files, ended whatever happens. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Settings in the user's environment would change the story. */
const FOREIGN = /^(RELAY_|HOOKS_|GITLAB_|REDIS_URL|CI_|SIM_|HOST$|PORT$|LOG_LEVEL$|LOG_FORMAT$)/;

export type Settings = Readonly<Record<string, string>>;

export interface Program {
  readonly process: ChildProcess;
  /** Resolves with its exit status, null if a signal ended it. */
  readonly ended: Promise<number | null>;
}

export interface Processes {
  /**
   * Starts a TypeScript program with these environment variables and without any other settings. Output goes to FOLDER/NAME.log.
   * Its input stays open as long as the demo lives.
   */
  start(name: string, program: string, args: readonly string[], settings: Settings): Program;
  /** Ends all that still run; resolves when they have ended. */
  endAll(): Promise<void>;
}

export function createProcesses(folder: string): Processes {
  const running = new Set<Program>();
  const inherited = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name));
  return {
    start(name, program, args, settings) {
      const child = spawn(process.execPath, ["--import", "tsx", join(root, program), ...args], {
        cwd: root,
        env: { ...Object.fromEntries(inherited), ...settings },
        stdio: ["pipe", "pipe", "pipe"],
      });
      const file = createWriteStream(join(folder, `${name}.log`), { flags: "a" });
      child.stdout.pipe(file, { end: false });
      child.stderr.pipe(file, { end: false });
      const ended = once(child, "close").then(([status]) => {
        running.delete(started);
        file.end();
        return status as number | null;
      });
      const started: Program = { process: child, ended };
      running.add(started);
      return started;
    },
    async endAll() {
      const all = [...running];
      for (const { process: child } of all) child.kill("SIGKILL");
      await Promise.all(all.map((program) => program.ended));
    },
  };
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
