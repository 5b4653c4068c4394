#!/usr/bin/env bash
# bullmq 6.7.0. Queue.add() with the id of a job that exists stores nothing, and returns a job that looks stored.
# A good guess: a duplicate is refused, or the job that is returned is the one that exists; a finished job's id may be used again.
# Seen: the job returned carries the new data while Redis keeps the old; after completion the same call queues nothing and reports no
# error, so a receiver that answers 202 on it has accepted an event that is never worked on. Needs redis-server.
set -euo pipefail
folder=$(mktemp -d); trap 'kill "$redis" 2>/dev/null || true; rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null && npm install --silent --no-audit --no-fund bullmq@6.7.0 ioredis@5.11.1
redis-server --unixsocket "$folder/redis.sock" --port 0 --save "" >/dev/null & redis=$!
until [ -S "$folder/redis.sock" ]; do read -rt 0.05 <> <(:) || true; done
cat > run.mjs <<'JS'
import { deepStrictEqual } from "node:assert";
import { Queue, Worker } from "bullmq";

const connection = { path: "./redis.sock" };
const queue = new Queue("events", { connection });
await queue.add("push", { version: 1 }, { jobId: "delivery" });
const second = await queue.add("push", { version: 2 }, { jobId: "delivery" });
const stored = await queue.getJob("delivery");
const worker = new Worker("events", async () => "done", { connection });
await new Promise((resolve) => worker.once("completed", resolve));
const third = await queue.add("push", { version: 3 }, { jobId: "delivery" });
const { waiting, active, completed } = await queue.getJobCounts();
const seen = { second: second.data, stored: stored.data, third: third.data, waiting, active, completed };
console.log(seen);
await worker.close();
await queue.close();
deepStrictEqual(seen, {
  second: { version: 2 },
  stored: { version: 1 },
  third: { version: 3 },
  waiting: 0,
  active: 0,
  completed: 1,
});
JS
node run.mjs
