/** A relay that comes and goes on one port, with a target behind it that wants the order of each project kept. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { countingTarget, type CountingTarget } from "./recovery.ts";
import { startRelayProcess, type RelayProcess } from "./relay-process.ts";
import { freePort } from "./free-port.ts";

/** What a test has to close, in the order of its making. */
export type Closing = (() => Promise<unknown>)[];

export interface Stage {
  readonly target: CountingTarget;
  readonly port: number;
  /** Address for hooks. */
  readonly url: string;
  readonly folder: string;
  /** Resolves once it listens. */
  start(): Promise<RelayProcess>;
}

/**
 * @param env the relay's secrets
 * @param settings beside the target
 */
export async function stageRelay(
  closing: Closing,
  env: Readonly<Record<string, string>>,
  settings: Readonly<Record<string, unknown>> = {},
): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), "outage-stage-"));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  const target = await countingTarget();
  closing.push(() => target.close());
  const port = await freePort();
  const config = join(folder, "relay.yaml");
  const ordered = {
    type: "http",
    url: `${target.url}/`,
    ordering: "project",
    concurrency: 32,
    allowPrivateNetworks: true,
  };
  await writeFile(config, JSON.stringify({ targets: { ordered }, ...settings }));
  return {
    target,
    port,
    url: `http://127.0.0.1:${port}/webhooks/gitlab`,
    folder,
    async start() {
      const relay = startRelayProcess({
        RELAY_CONFIG: config,
        RELAY_DATA_DIR: join(folder, "data"),
        PORT: String(port),
        ...env,
      });
      await relay.url();
      return relay;
    },
  };
}
