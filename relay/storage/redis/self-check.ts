/**
 * Keeps what was last seen of Redis' durability, and looks again whenever the connection is new: another server may answer there
 * now. No write follows an earlier rule.
 */
import { messageOf } from "../../../lib/errors.ts";
import type { Check } from "../../queue/queue.ts";
import type { RedisConnection } from "./connection.ts";
import { inspectDurability, unreachable, WRITE_CHECK } from "./durability.ts";
import type { SyncRule } from "./intake.ts";
import type { RedisSettings } from "./settings.ts";

export interface SelfCheck {
  /** As last seen, and as the last event fared. */
  checks(): readonly Check[];
  /** An event was refused: not ready until another one is stored, or a look finds that writes are taken. */
  refused(error: unknown): void;
  stored(): void;
  /** Looks again; never rejects. */
  look(): Promise<void>;
  /** How writes of this connection are made durable. Rejects with an UpstreamError if that could not be found out. */
  rule(): Promise<SyncRule | null>;
}

/** Resolves after the first look. */
export async function startSelfCheck(redis: RedisConnection, config: RedisSettings): Promise<SelfCheck> {
  let checks: readonly Check[] = [];
  let rule: Promise<SyncRule | null>;
  let refusal: Check | null = null;

  async function inspect(): Promise<SyncRule | null> {
    try {
      const found = await inspectDurability(redis, config);
      ({ checks } = found);
      if (checks.find(({ name }) => name === WRITE_CHECK)?.ok === true) refusal = null;
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
  return {
    checks: () =>
      refusal === null || checks.some(({ ok }) => !ok)
        ? checks
        : [...checks.filter(({ name }) => name !== WRITE_CHECK), refusal],
    refused(error) {
      refusal = { name: WRITE_CHECK, ok: false, detail: messageOf(error) };
    },
    stored() {
      refusal = null;
    },
    look,
    rule: () => rule,
  };
}
