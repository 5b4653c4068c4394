/** Values that the schemas of several answers share. */
import { z } from "zod";

const time = z.iso.datetime().describe("UTC");

export const PARTS = {
  time,
  timeOrNull: time.nullable(),
  textOrNull: z.string().nullable(),
  numberOrNull: z.number().nullable(),
  count: z.number().int().min(0),
} as const;
