/** `migrate`: everything that a relay keeps, from its data folder to a Redis, or back. */
import { randomUUID } from "node:crypto";
import { resolve } from "node:path";
import { silentLog } from "../../lib/log.ts";
import type { StorageSettings } from "../../relay/storage/settings.ts";
import { STATUS, UsageError, type CommandSpec, type Given } from "../command.ts";
import { OUTPUT_OPTION } from "../relay-api.ts";
import { printJson, wantsText } from "../output.ts";
import { textTable } from "../text-table.ts";
import type { CliWorld } from "../world.ts";

/** Milliseconds between two lines about how far it is. */
const PROGRESS_MS = 5000;

const PLACES = "file:DIR, redis://HOST:PORT/DB, or `file` or `redis` for those of the settings";

export const migrate: CommandSpec = {
  name: "migrate",
  group: "Operating",
  summary: "copy everything that a relay keeps from its data folder to a Redis, or back",
  details:
    "Stop the relays first: it refuses a storage that a relay has, and no relay starts on either of the two until it has ended. The target must be empty. If it is interrupted, the same command goes on where it was. At the end it reads everything again and compares; the source keeps all that it has, and says where it went. Settings that are not part of a place, such as queue.redis.prefix and queue.dedupeSeconds, come from relay.yaml.",
  options: [
    { name: "--from", value: "PLACE", description: `where everything is: ${PLACES}` },
    { name: "--to", value: "PLACE", description: "where it goes; one of the two is a Redis" },
    {
      name: "--config",
      value: "FILE",
      env: "RELAY_CONFIG",
      description: "settings of the relay; default ./relay.yaml if it exists",
    },
    OUTPUT_OPTION,
  ],
  examples: [
    {
      command: "gitlab-hook-relay migrate --from file:./data --to redis://127.0.0.1:6379",
      what: "from files to Redis",
    },
    {
      command: "gitlab-hook-relay migrate --from redis --to file:/data-2",
      what: "back, from the Redis of the settings (REDIS_URL)",
    },
  ],
  exits: [
    [0, "done: both hold the same, or it was done before"],
    [1, "failed, or the two differ; the same command goes on"],
    [2, "wrong options or settings, a relay has one of the two, or the target is not empty"],
  ],
  async run(given, world) {
    // Loaded only if it is used, as the relay's own parts are.
    const { migrateStorage } = await import("../../relay/storage/migration/migrate.ts");
    const { createStorageDriver } = await import("../../relay/storage/open.ts");
    const settings = await queueSettings(given, world);
    const [from, to] = [placeOf("--from", given, settings), placeOf("--to", given, settings)];
    if (from.isRedis === to.isRedis)
      throw new UsageError(
        from.isRedis
          ? "--from and --to are both a Redis: use its own replication"
          : "--from and --to are both folders: use backup and restore",
      );
    const deps = { clock: world.clock, log: silentLog, random: world.random, onSync: () => {} };
    const source = {
      name: from.name,
      driver: await createStorageDriver({ ...deps, settings: () => from.queue }),
    };
    const target = {
      name: to.name,
      driver: await createStorageDriver({ ...deps, settings: () => to.queue }),
    };
    try {
      const { dedupeSeconds } = settings;
      const onProgress = progress(world);
      const now = (): number => world.clock.now();
      const result = await migrateStorage(
        { source, target, dedupeSeconds },
        { now, newId: randomUUID, onProgress },
      );
      if (result === null) {
        world.stderr(`Everything in ${from.name} was migrated to ${to.name} before; nothing was done\n`);
        return STATUS.done;
      }
      const counts = [...result.source].map(
        ([what, count]) => [what, count, result.target.get(what)] as const,
      );
      if (wantsText(given, world))
        world.stdout(
          textTable(
            ["", "SOURCE", "TARGET"],
            counts.map(([what, before, after]) => [what, String(before), String(after)]),
            world.columns,
          ),
        );
      else {
        const sides = {
          source: Object.fromEntries(result.source),
          target: Object.fromEntries(result.target),
        };
        printJson(
          { from: from.name, to: to.name, same: result.isSame, copied: result.copied, ...sides },
          world,
        );
      }
      if (!result.isSame) {
        world.stderr(
          `${from.name} and ${to.name} do not hold the same: empty the target and run it again; nothing in the source has changed\n`,
        );
        return STATUS.failed;
      }
      world.stderr(
        `${from.name} and ${to.name} hold the same; ${result.copied} events were copied by this run. Start the relay on the target\n`,
      );
      return STATUS.done;
    } finally {
      await Promise.all([source.driver.close(), target.driver.close()]);
    }
  },
};

async function queueSettings(given: Given, world: CliWorld): Promise<StorageSettings> {
  const { loadRelaySettings } = await import("../../relay/config/load.ts");
  const file = given.text("--config") ?? null;
  const loaded = loadRelaySettings({ file, env: world.env, readFile: world.readFile });
  if (!loaded.ok) throw loaded.error;
  return loaded.settings.config.queue;
}

interface Place {
  /** In words, without credentials. */
  readonly name: string;
  readonly isRedis: boolean;
  readonly queue: StorageSettings;
}

/** @throws UsageError */
function placeOf(option: string, given: Given, settings: StorageSettings): Place {
  const text = given.text(option) ?? "";
  if (text === "file" || text.startsWith("file:")) {
    const base = text === "file" ? settings.fs.base : text.slice("file:".length);
    if (base !== "")
      return {
        name: `file:${resolve(base)}`,
        isRedis: false,
        queue: { ...settings, driver: "fs", fs: { ...settings.fs, base } },
      };
  }
  if (text === "redis" || (/^rediss?:\/\//.test(text) && URL.canParse(text))) {
    const url = text === "redis" ? settings.redis.url : text;
    const { protocol, host, pathname } = new URL(url);
    const at = pathname === "/" ? "" : pathname;
    return {
      name: `${protocol}//${host}${at} (${settings.redis.prefix})`,
      isRedis: true,
      queue: { ...settings, driver: "redis", redis: { ...settings.redis, url } },
    };
  }
  throw new UsageError(`${option} must be ${PLACES}`);
}

function progress(world: CliWorld): (events: number) => void {
  let toldAt = world.clock.monotonic();
  return (events) => {
    if (world.clock.monotonic() - toldAt < PROGRESS_MS) return;
    toldAt = world.clock.monotonic();
    world.stderr(`${events} events\n`);
  };
}
