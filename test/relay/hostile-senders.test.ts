/** Senders that nobody knows hold connections and bodies; the relay is a process of its own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { PUSH } from "../helpers/intake.ts";
import { closeRawClients, head, rawClient } from "../helpers/raw-http.ts";
import { killRelays, startRelayProcess } from "../helpers/relay-process.ts";

const TOKEN = "a-secret-token-of-32-characters!";
const SENDERS = 200;
const MB = 1_048_576;
const LIMIT = 32 * MB;

const SIGNATURE = { "webhook-id": "a", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA" };

let folder = "";
afterEach(async () => {
  closeRawClients();
  await killRelays();
  await rm(folder, { recursive: true, force: true });
});

async function startRelay() {
  folder = await mkdtemp(join(tmpdir(), "hostile-senders-"));
  const relay = startRelayProcess({
    RELAY_DATA_DIR: join(folder, "data"),
    GITLAB_WEBHOOK_SECRET: TOKEN,
    GITLAB_WEBHOOK_SIGNING_TOKEN: `whsec_${Buffer.alloc(32, 1).toString("base64")}`,
    RELAY_ADMIN_TOKEN: "an-admin-token-of-32-characters!",
  });
  return new URL(await relay.url());
}

async function residentBytes(url: URL): Promise<number> {
  const text = await (await fetch(new URL("/metrics", url))).text();
  return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]);
}

/** Milliseconds of the slowest of a hundred correct webhooks but one. */
async function p99(url: URL, run: string): Promise<number> {
  const durations: number[] = [];
  for (let count = 0; count < 100; count += 1) {
    const began = performance.now();
    const response = await fetch(new URL("/webhooks/gitlab", url), {
      method: "POST",
      headers: {
        "X-Gitlab-Token": TOKEN,
        "X-Gitlab-Event": "Push Hook",
        "Idempotency-Key": `${run}-${count}`,
      },
      body: PUSH,
    });
    expect(response.status).toBe(202);
    await response.arrayBuffer();
    durations.push(performance.now() - began);
  }
  return durations.sort((a, b) => a - b)[98] as number;
}

// Of a signed body all that may be held is held. What comes on top is the process itself, which answers correct webhooks meanwhile.
test.each([
  ["a wrong token", { "X-Gitlab-Token": "guess" }, /^HTTP\/1.1 4(01|29) /, LIMIT],
  ["a signature that is wrong", SIGNATURE, /^HTTP\/1.1 408 /, 1.75 * LIMIT],
] as const)(
  "200 slow chunked senders with %s do not fill the memory, and correct webhooks do not wait for them",
  async (_claim, credential, answer, most) => {
    const url = await startRelay();
    for (let n = 0; n < 24; n += 1) await p99(url, `warm-up-${n}`);
    // The worst of several against the best of several: what is left of the difference is not the machine's.
    let quiet = 0;
    for (let n = 0; n < 6; n += 1) quiet = Math.max(quiet, await p99(url, `quiet-${n}`));
    const before = await residentBytes(url);
    const part = Buffer.concat([Buffer.from("10000\r\n"), Buffer.alloc(65_536, 0x20), Buffer.from("\r\n")]);
    const senders = await Promise.all(Array.from({ length: SENDERS }, () => rawClient(Number(url.port))));
    for (const sender of senders)
      sender.write(head("/webhooks/gitlab", { ...credential, "Transfer-Encoding": "chunked" }));
    let grown = 0;
    let during = Infinity;
    // 16 rounds: a megabyte of each, six times the limit in all.
    for (let round = 0; round < 16; round += 1) {
      await Promise.all(senders.map((sender) => sender.send(part)));
      if (round % 4 === 3) during = Math.min(during, await p99(url, `round-${round}`));
      grown = Math.max(grown, (await residentBytes(url)) - before);
    }
    expect(grown).toBeLessThan(most);
    expect(during).toBeLessThan(3 * quiet + 10);
    await Promise.all(senders.slice(0, 10).map((sender) => sender.receive(answer)));
  },
);
