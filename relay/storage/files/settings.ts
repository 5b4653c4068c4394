/** Settings of the files driver: `queue.fs`. */
import { z } from "zod";

export const filesSettings = z.strictObject({
  base: z.string().min(1).default("./data").describe("Folder of the queue"),
  segmentBytes: z
    .number()
    .int()
    .min(65_536)
    .default(67_108_864)
    .describe("Size in bytes at which a journal segment is closed"),
  preallocate: z
    .enum(["auto", "off"])
    .default("auto")
    .describe("Whether segments are filled with zeros ahead if the disk then makes webhooks durable sooner"),
  maxBytes: z
    .number()
    .int()
    .min(1_048_576)
    .default(10_737_418_240)
    .describe("Largest size of the queue in bytes; beyond it webhooks get 503"),
  minFreeBytes: z
    .number()
    .int()
    .min(0)
    .default(268_435_456)
    .describe("Disk space in bytes that is kept free; below it webhooks get 503"),
});
