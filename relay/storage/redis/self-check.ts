/**
 * Keeps what was last seen of Redis' durability, and looks again whenever the connection is new: another server may answer there
 * now. Nobody writes by a rule of before.
 */
import type { Check } from "../../queue/queue.ts";
import type { RedisConnection } from "./connection.ts";
import { inspectDurability, unreachable } from "./durability.ts";
import type { SyncRule } from "./intake.ts";
import type { RedisSettings } from "./settings.ts";

export interface SelfCheck {
  /** As last seen. */
  checks(): readonly Check[];
  /** Looks again; never rejects. */
  look(): Promise<void>;
  /** How writes of this connection are made durable. Rejects with an UpstreamError where that could not be found out. */
  rule(): Promise<SyncRule | null>;
}

/** Resolves after the first look. */
export async function startSelfCheck(redis: RedisConnection, config: RedisSettings): Promise<SelfCheck> {
  let checks: readonly Check[] = [];
  let rule: Promise<SyncRule | null>;

  async function inspect(): Promise<SyncRule | null> {
    try {
      const found = await inspectDurability(redis, config);
      ({ checks } = found);
      return found.waitForSync ? { replicas: config.waitReplicas } : null;
    } catch (error) {
      checks = unreachable(error);
      throw error;
    }
  }

  async function look(): Promise<void> {
    const looked = inspect();
    try {
      await looked;
      rule = looked;
    } catch {
      // The checks tell of it; the rule that was found for this connection stays.
    }
  }

  redis.client.on("ready", () => {
    rule = inspect();
    rule.catch(() => {});
  });
  rule = inspect();
  await rule.catch(() => {});
  return { checks: () => checks, look, rule: () => rule };
}
