/**
 * A machine on which the documents' commands run as they stand: a checkout in a folder of its own, a relay at 127.0.0.1:8080 and the
 * names that the documents use. curl and the programs find these through a proxy and curl's own settings, so that no port of the
 * real machine is touched. What installs packages does nothing, as they are installed.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, request as httpRequest } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { connect, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readFileSync } from "node:fs";
import { countingTarget } from "../helpers/recovery.ts";
import { ROOT, startRelayProcess } from "../helpers/relay-process.ts";
import { COMPILE_CACHE } from "../helpers/runtimes.ts";
import { createSimulator } from "../simulator/simulator.ts";

export interface CommandRun {
  readonly status: number | null;
  readonly output: string;
}

export interface Stage {
  /** Runs a block in bash. One that does not end by itself is ended once its output has `until`. */
  run(block: string, until?: string): Promise<CommandRun>;
  close(): Promise<void>;
}

/** What the checkout of a user has: everything but our own work folders. */
const LEFT_OUT = new Set([".git", "data", "node_modules/.cache"]);

export async function openStage(): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), "docs-"));
  const checkout = join(folder, "checkout");
  mkdirSync(checkout);
  for (const name of readdirSync(ROOT))
    if (!LEFT_OUT.has(name)) symlinkSync(join(ROOT, name), join(checkout, name));

  const target = await countingTarget();
  const relay = startRelayProcess({
    CWD: checkout,
    RELAY_ADMIN_TOKEN: "",
    RELAY_CONFIG: configOf(folder, target.url),
  });
  const relayUrl = await relay.url();
  const gitlab = await createSimulator({ tier: "free" });
  const { group, projects } = gitlab.seed.tree({ projects: 3 });
  // A recovery without any hook of ours is no success.
  for (const project of projects) gitlab.model.addHook(project, "https://hooks.acme.dev/webhooks/gitlab");
  gitlab.seed.project(group, "hooks");
  writeFileSync(join(checkout, "gitlab-token"), gitlab.token.value, { mode: 0o600 });

  const certificates = makeCertificate(folder, ["gitlab.example.com", "hooks.acme.dev"]);
  const front = await listening(
    createTlsServer(certificates, (incoming, outgoing) => {
      const base = incoming.headers.host?.startsWith("gitlab.") === true ? gitlab.url : relayUrl;
      const { method, headers, url = "" } = incoming;
      incoming.pipe(
        httpRequest(base + url, { method, headers }, (answer) => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(outgoing);
        }),
      );
    }),
  );
  const proxy = createServer();
  proxy.on("connect", (_, socket) => {
    const through = connect(front.port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      through.pipe(socket).pipe(through);
    });
    for (const one of [through, socket]) one.on("error", () => {});
  });
  const { port: proxyPort } = await listening(proxy);

  const bin = programs(folder);
  writeFileSync(join(folder, ".curlrc"), `connect-to = "127.0.0.1:8080:${new URL(relayUrl).host}"\n`);
  const env = {
    ...COMPILE_CACHE,
    PATH: `${bin}:${process.env["PATH"]}`,
    HOME: folder,
    CURL_HOME: folder,
    PORT: "0",
    RELAY_URL: relayUrl,
    HTTPS_PROXY: `http://127.0.0.1:${proxyPort}`,
    NODE_EXTRA_CA_CERTS: join(folder, "ca.pem"),
  };

  return {
    run: (block, until) => runBlock(block, { cwd: checkout, env, until }),
    async close() {
      relay.child.kill("SIGTERM");
      await relay.exited;
      for (const server of [proxy, front.server]) server.close();
      await gitlab.close();
      await target.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The running relay's settings: the target that the documents talk about. */
function configOf(folder: string, url: string): string {
  const path = join(folder, "relay.yaml");
  writeFileSync(path, JSON.stringify({ targets: { "ci-bot": { type: "http", url } } }));
  return path;
}

/** The programs that would install something, or take long to start, and gitlab-hook-relay as the image has it. */
function programs(folder: string): string {
  const bin = join(folder, "bin");
  mkdirSync(bin);
  const program = (name: string, script: string): void => {
    writeFileSync(join(bin, name), `#!/bin/bash\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  const ours = `exec "${process.execPath}" "${ROOT}bin/gitlab-hook-relay.js"`;
  program("gitlab-hook-relay", `${ours} "$@"`);
  program(
    "npx",
    `[ "$1" = gitlab-hook-relay ] && shift && ${ours} "$@"\nexec "${ROOT}node_modules/.bin/$1" "\${@:2}"`,
  );
  // Its own data folder: the one of the checkout belongs to the relay that runs.
  program(
    "npm",
    `[ "$1" = ci ] && exit 0\nexport RELAY_DATA_DIR="$(mktemp -d "${folder}/data-XXXX")"\nexec "${join(process.execPath, "..", "npm")}" "$@"`,
  );
  return bin;
}

function makeCertificate(
  folder: string,
  names: readonly string[],
): { readonly cert: Buffer; readonly key: Buffer } {
  const subject = [
    "-subj",
    "/CN=docs",
    "-addext",
    `subjectAltName=${names.map((name) => `DNS:${name}`).join(",")}`,
  ];
  const made = spawnSync(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-keyout",
      "key.pem",
      "-out",
      "ca.pem",
      "-days",
      "2",
      ...subject,
    ],
    { cwd: folder },
  );
  if (made.status !== 0) throw new Error(`openssl: ${made.stderr.toString()}`);
  return { cert: readFileSync(join(folder, "ca.pem")), key: readFileSync(join(folder, "key.pem")) };
}

async function listening<T extends Server>(
  server: T,
): Promise<{ readonly server: T; readonly port: number }> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, port: (server.address() as AddressInfo).port };
}

interface Place {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly until: string | undefined;
}

async function runBlock(block: string, { cwd, env, until }: Place): Promise<CommandRun> {
  const child = spawn("bash", ["-euo", "pipefail", "-c", block], {
    cwd,
    env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let isAsked = false;
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (until === undefined || isAsked || !output.includes(until)) return;
      isAsked = true;
      process.kill(-(child.pid as number), "SIGTERM");
    });
  const [status] = (await once(child, "close")) as [number | null];
  return { status: isAsked ? 0 : status, output };
}
