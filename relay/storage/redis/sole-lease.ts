/** A right that one relay of a Redis has at a time: a key that names its holder, and goes unless it is renewed. */
import { randomBytes } from "node:crypto";
import type { RedisConnection } from "./connection.ts";
import { SCRIPTS } from "./scripts.ts";

export interface SoleLease {
  readonly holder: string;
  /**
   * False: it is another relay's now. Rejects with an UpstreamError if Redis is out of reach.
   * @param forMs how long it holds from now on; @default as it was taken
   */
  renew(forMs?: number): Promise<boolean>;
  release(): Promise<void>;
}

/** Null: another relay has it. Without renewal it ends after `ttlMs`. Rejects with an UpstreamError if Redis is out of reach. */
export async function takeSoleLease(
  { client, ask }: Pick<RedisConnection, "client" | "ask">,
  key: string,
  ttlMs: number,
): Promise<SoleLease | null> {
  const holder = randomBytes(12).toString("hex");
  if ((await ask(client.set(key, holder, "PX", ttlMs, "NX"))) !== "OK") return null;
  const held = async (forMs: number): Promise<boolean> =>
    (await ask(client.eval(SCRIPTS.lease.lua, 1, key, holder, forMs))) === 1;
  return {
    holder,
    renew: (forMs = ttlMs) => held(forMs),
    async release() {
      await held(0);
    },
  };
}
