/** How the client behaves: how long it waits, how it comes back, and who it says it is. */
import type { RedisOptions } from "ioredis";

/** Longest wait for an answer: below the time that a webhook may take (5 s). */
export const COMMAND_TIMEOUT_MS = 4000;
const CONNECT_TIMEOUT_MS = 3000;
const RECONNECT_BASE_MS = 50;
const RECONNECT_CAP_MS = 2000;
/** Shortest time between two new connections for the sake of another server that may answer. */
const LOOK_ELSEWHERE_MS = 5000;

export function connectionOptions(random: () => number) {
  let turnedAwayAt = -Infinity;
  return {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_TIMEOUT_MS,
    socketTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    keepAlive: 10_000,
    retryStrategy: (times: number) =>
      Math.min(RECONNECT_CAP_MS, RECONNECT_BASE_MS * 2 ** Math.min(times, 10)) * (0.5 + random() / 2),
    // The old master of a fail-over is a replica now: whoever answers at this address next may be the new one.
    reconnectOnError(error: Error) {
      const now = performance.now();
      if (!error.message.startsWith("READONLY") || now - turnedAwayAt < LOOK_ELSEWHERE_MS) return false;
      turnedAwayAt = now;
      return true;
    },
  } as const satisfies RedisOptions;
}

/** User name, password, database and encryption of the URL, for Sentinel and Cluster, where its host does not count. */
export function credentialsOf(url: string): Pick<RedisOptions, "username" | "password" | "db" | "tls"> {
  const { protocol, username, password, pathname } = new URL(url);
  return {
    ...(username === "" ? {} : { username: decodeURIComponent(username) }),
    ...(password === "" ? {} : { password: decodeURIComponent(password) }),
    ...(pathname.length > 1 ? { db: Number(pathname.slice(1)) } : {}),
    ...(protocol === "rediss:" ? { tls: {} } : {}),
  };
}
