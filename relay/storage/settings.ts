/** Settings of everything that is stored: `queue`, with a group for each driver. */
import { z } from "zod";
import { positive } from "../../lib/fields.ts";
import { filesSettings } from "./files/settings.ts";
import { redisSettings } from "./redis/settings.ts";

export const storageSettings = z.strictObject({
  driver: z
    .enum(["fs", "redis"])
    .default("fs")
    .describe("Where events are kept: files of this machine, or a Redis that relays share"),
  fs: filesSettings.prefault({}),
  redis: redisSettings.prefault({}),
  dedupeSeconds: positive
    .default(604_800)
    .describe("How long a delivery is remembered, in seconds, to recognise it when it comes again"),
  retain: z
    .strictObject({
      deliveredSeconds: z
        .number()
        .min(0)
        .default(86_400)
        .describe("How long delivered events are kept, in seconds"),
      deliveredBytes: z
        .number()
        .int()
        .min(0)
        .default(1_073_741_824)
        .describe("How many bytes of delivered events are kept; the oldest go first"),
      deadSeconds: z
        .number()
        .min(0)
        .default(2_592_000)
        .describe("How long dead letters are kept, in seconds"),
    })
    .prefault({}),
});

export type StorageSettings = z.output<typeof storageSettings>;
