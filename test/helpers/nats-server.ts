/** A real NATS server of the test's own: on a free port, its streams in a folder of its own. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect, type ConnectionOptions } from "@nats-io/transport-node";
import { hasCommand } from "./tools.ts";
import { freePort } from "./free-port.ts";

export const hasNats = hasCommand("nats-server", "--version");

export interface KeptMessage {
  readonly subject: string;
  readonly id: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface NatsServer {
  readonly url: string;
  readonly port: number;
  readonly process: ChildProcess;
  /** Makes a stream; its duplicate window is two minutes. */
  addStream(name: string, subjects: readonly string[]): Promise<void>;
  /** How many messages a stream holds. */
  count(stream: string): Promise<number>;
  /** Everything that a stream holds, in its order. */
  messages(stream: string): Promise<KeptMessage[]>;
  /** Ends it at once and keeps its files. */
  kill(): Promise<void>;
  /** Starts it again on the same port and files. */
  restart(): Promise<void>;
  /** Ends it and removes its files. */
  close(): Promise<void>;
}

async function launch(file: string): Promise<ChildProcess> {
  const child = spawn("nats-server", ["-c", file], { stdio: ["ignore", "ignore", "pipe"] });
  await new Promise<void>((resolve, reject) => {
    const lines = createInterface({ input: child.stderr });
    lines.on("line", (line) => {
      if (line.includes("Server is ready")) resolve();
    });
    child.once("exit", (code) => reject(new Error(`nats-server ended with ${code}`)));
  });
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

/**
 * @param settings lines of its configuration, on top of address, port and folder
 * @param login how the helper itself connects
 */
export async function startNats(
  settings = "",
  login: Pick<ConnectionOptions, "user" | "pass" | "token" | "tls"> = {},
): Promise<NatsServer> {
  const folder = mkdtempSync(join(tmpdir(), "relay-nats-"));
  const port = await freePort();
  const file = join(folder, "nats.conf");
  const base = `listen: "127.0.0.1:${port}"\njetstream { store_dir: "${folder}" }\n`;
  writeFileSync(file, base + settings);
  let child = await launch(file);
  const asked = async <T>(
    ask: (manager: Awaited<ReturnType<typeof jetstreamManager>>) => Promise<T>,
  ): Promise<T> => {
    const connection = await connect({ servers: `127.0.0.1:${port}`, ...login });
    try {
      return await ask(await jetstreamManager(connection));
    } finally {
      await connection.close();
    }
  };
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    get process() {
      return child;
    },
    addStream: (name, subjects) =>
      asked(async ({ streams }) => void (await streams.add({ name, subjects: [...subjects] }))),
    count: (stream) => asked(async ({ streams }) => (await streams.info(stream)).state.messages),
    messages: (stream) =>
      asked(async ({ streams }) => {
        const { state } = await streams.info(stream);
        const all: KeptMessage[] = [];
        for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
          const message = await streams.getMessage(stream, { seq });
          if (message === null) continue;
          const headers = Object.fromEntries(message.header.keys().map((k) => [k, message.header.get(k)]));
          const { subject } = message;
          all.push({ subject, id: message.header.get("Nats-Msg-Id"), body: message.string(), headers });
        }
        return all;
      }),
    kill: () => end(child),
    async restart() {
      await end(child);
      child = await launch(file);
    },
    async close() {
      await end(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
