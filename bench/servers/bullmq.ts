/** The peer of the ingest benchmark: Hono that adds each webhook to a BullMQ queue, as one would write it in an afternoon. */
import { timingSafeEqual } from "node:crypto";
import { serve } from "@hono/node-server";
import { Queue } from "bullmq";
import { Hono } from "hono";

const { redisPort, token } = JSON.parse(process.argv[2] as string) as { redisPort: number; token: string };
const queue = new Queue("webhooks", { connection: { host: "127.0.0.1", port: redisPort } });
const wanted = Buffer.from(token);
const app = new Hono();
app.post("/webhooks/gitlab", async (c) => {
  const sent = Buffer.from(c.req.header("x-gitlab-token") ?? "");
  if (sent.length !== wanted.length || !timingSafeEqual(sent, wanted))
    return c.json({ error: "unauthorized" }, 401);
  const body = await c.req.text();
  const payload: unknown = JSON.parse(body);
  if (typeof payload !== "object") return c.json({ error: "malformed" }, 400);
  const id = c.req.header("idempotency-key") as string;
  await queue.add("webhook", { body }, { jobId: id });
  return c.json({ status: "accepted", id }, 202);
});
serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => {
  process.stdout.write(`${JSON.stringify({ port })}\n`);
});
