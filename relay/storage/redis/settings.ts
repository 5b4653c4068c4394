/** Settings of the Redis driver: `queue.redis`. */
import { z } from "zod";
import { positive } from "../../../lib/fields.ts";

const redisNode = z.strictObject({
  host: z.string().min(1).describe("Host name or address"),
  port: z.number().int().min(1).max(65_535).default(6379).describe("Port"),
});

export const redisSettings = z.strictObject({
  url: z
    .string()
    .regex(/^rediss?:\/\//, { error: "must begin with redis:// or rediss://" })
    .default("redis://127.0.0.1:6379")
    .describe("Redis or Valkey, such as rediss://user:password@redis.internal:6380/0"),
  sentinels: z
    .array(redisNode)
    .default([])
    .describe("Sentinels that know the master; user, password and database are taken from the url"),
  sentinelName: z.string().default("mymaster").describe("Name of the master that the Sentinels watch"),
  cluster: z
    .array(redisNode)
    .default([])
    .describe("Nodes of a Redis Cluster to begin with; the url does not count then"),
  prefix: z
    .string()
    .regex(/^[\w.-]+$/)
    .default("relay")
    .describe("First part of every key"),
  requireDurable: z
    .boolean()
    .default(true)
    .describe(
      "Not ready unless Redis syncs each write to disk and evicts nothing; false accepts loss in a crash",
    ),
  waitReplicas: z
    .number()
    .int()
    .min(0)
    .default(0)
    .describe(
      "Replicas that must have synced an event before it is acknowledged (WAITAOF, Redis 7.2 and later)",
    ),
  leaseSeconds: positive
    .min(1)
    .default(30)
    .describe("Seconds after which the deliveries of a relay that stopped answering go to the others"),
});

export type RedisSettings = z.output<typeof redisSettings>;
