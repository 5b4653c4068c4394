import type { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { SCRIPTS } from "../../../../relay/storage/redis/scripts.ts";
import { sendSynced, type ScriptCall } from "../../../../relay/storage/redis/sender.ts";

type Reply = readonly [Error | null, unknown];
type Words = readonly (string | number | Uint8Array)[];

/** A client whose pipelines are answered by `answer`, command by command; a WAITAOF by what `synced` says next. */
function clientOf(answer: (words: Words) => Reply, synced: Reply[] = []) {
  const sent: Words[][] = [];
  const pipeline = () => {
    const commands: Words[] = [];
    const add = (...words: Words): void => void commands.push(words);
    return {
      call: add,
      callBuffer: add,
      exec() {
        sent.push(commands);
        return Promise.resolve(
          commands.map((words) =>
            words[0] === "WAITAOF" ? (synced.shift() ?? [null, [1, 0]]) : answer(words),
          ),
        );
      },
    };
  };
  return { client: { pipeline } as unknown as Redis, sent };
}

const names = (commands: readonly Words[] | undefined): unknown[] => (commands ?? []).map(([name]) => name);
const wanted = { replicas: 0, timeoutMs: 1000 };
const enqueue = (id: string): ScriptCall => ({
  script: "enqueue",
  args: [id],
  staged: { key: `event:${id}`, value: Buffer.from("body") },
});

describe("sendSynced()", () => {
  test("sends all calls and the wait in one pipeline, scripts by their hashes", async () => {
    const { client, sent } = clientOf((words) => [null, words.at(-1)]);
    const synced = await sendSynced(client, "p", [enqueue("a"), enqueue("b")], wanted);
    expect(sent.map(names)).toEqual([["set", "evalsha", "set", "evalsha", "WAITAOF"]]);
    expect(sent[0]![1]).toEqual(["evalsha", SCRIPTS.enqueue.sha, "1", "p", "a"]);
    expect(synced).toEqual({
      results: [
        { status: "fulfilled", value: "a" },
        { status: "fulfilled", value: "b" },
      ],
      local: 1,
      replicas: 0,
    });
  });

  test("sends what Redis did not know again in full, with a wait of its own, and counts the lesser of both waits", async () => {
    const missing: Reply = [new Error("NOSCRIPT No matching script"), null];
    const { client, sent } = clientOf(
      (words) => (words[1] === SCRIPTS.enqueue.sha ? missing : [null, words.at(-1)]),
      [
        [null, [1, 2]],
        [null, [0, 1]],
      ],
    );
    const calls: ScriptCall[] = [enqueue("a"), { script: "pause", args: ["t"] }, enqueue("b")];
    const { results, local, replicas } = await sendSynced(client, "p", calls, wanted);
    expect(sent.map(names)).toEqual([
      ["set", "evalsha", "evalsha", "set", "evalsha", "WAITAOF"],
      ["eval", "eval", "WAITAOF"],
    ]);
    expect(sent[1]![1]).toEqual(["eval", SCRIPTS.enqueue.lua, "1", "p", "b"]);
    expect(results.map((result) => result.status === "fulfilled" && result.value)).toEqual(["a", "t", "b"]);
    expect([local, replicas]).toEqual([0, 1]);
  });

  test("a refused call is refused alone; a refused wait refuses all", async () => {
    const full: Reply = [new Error("OOM command not allowed"), null];
    const one = clientOf((words) => (words.at(-1) === "a" ? full : [null, words.at(-1)]));
    const { results } = await sendSynced(one.client, "p", [enqueue("a"), enqueue("b")], wanted);
    expect(results).toMatchObject([
      { status: "rejected", reason: { code: "queue-full" } },
      { status: "fulfilled", value: "b" },
    ]);
    const cut = clientOf(() => [null, "x"], [[new Error("Connection is closed."), null]]);
    await expect(sendSynced(cut.client, "p", [enqueue("a")], wanted)).rejects.toMatchObject({
      name: "UpstreamError",
      code: "storage",
    });
  });
});
