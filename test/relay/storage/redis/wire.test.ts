import { Command } from "ioredis";
import { describe, expect, test } from "vitest";
import { CallBuffers, encodeCall, type Word } from "../../../../relay/storage/redis/wire.ts";
import { seeded } from "../../../helpers/random.ts";

const LEADING = ["sha", "1", "{relay}"];

/** What the client itself makes of the same words. */
function clientsOwn(words: readonly Word[]): Buffer {
  const [name, ...args] = words.map((word) => {
    if (typeof word !== "object") return String(word);
    return word instanceof Uint8Array ? Buffer.from(word) : Buffer.concat(word);
  });
  return Buffer.from(new Command(name as string, args).toWritable({}));
}

const written = (words: readonly Word[], buffers = new CallBuffers()): Buffer =>
  Buffer.from(encodeCall(words, LEADING.length, buffers).command.toWritable({}));

describe("encodeCall()", () => {
  test("writes what the client would, whatever the words are", () => {
    const random = seeded(4);
    const texts = ["", "a", "id:0", "ü€😀", "\ud800", "two\r\nlines", "x".repeat(5000)];
    const buffers = new CallBuffers();
    for (let round = 0; round < 200; round += 1) {
      const words: Word[] = ["evalsha", ...LEADING];
      for (let left = random.below(12); left > 0; left -= 1) {
        const bytes = random.bytes(random.below(40));
        const some: readonly Word[] = [
          texts[random.below(texts.length)]!,
          random.below(1_000_000),
          bytes,
          [bytes, Buffer.alloc(0), random.bytes(random.below(3000))],
        ];
        words.push(some[random.below(some.length)]!);
      }
      const { command, buffer } = encodeCall(words, LEADING.length, buffers);
      expect(Buffer.from(command.toWritable({})).equals(clientsOwn(words))).toBe(true);
      buffers.giveBack(buffer);
    }
  });

  test("tells the client name and keys, so that a cluster sends it to the right node", () => {
    const { command } = encodeCall(["evalsha", ...LEADING, "x"], LEADING.length, new CallBuffers());
    expect([command.name, ...command.args]).toEqual(["evalsha", ...LEADING]);
    expect(command.getKeys()).toEqual(["{relay}"]);
  });

  test("has one buffer for large calls one after another, and never that of a call under way", () => {
    const buffers = new CallBuffers();
    const call = (byte: number): readonly Word[] => ["evalsha", ...LEADING, Buffer.alloc(50_000, byte)];
    const first = encodeCall(call(1), LEADING.length, buffers);
    const second = encodeCall(call(2), LEADING.length, buffers);
    expect(second.buffer).not.toBe(first.buffer);
    buffers.giveBack(second.buffer);
    const third = encodeCall(call(3), LEADING.length, buffers);
    expect(third.buffer).toBe(second.buffer);
    expect(Buffer.from(first.command.toWritable({})).equals(clientsOwn(call(1)))).toBe(true);
    expect(written(call(4), buffers).equals(clientsOwn(call(4)))).toBe(true);
  });

  test("keeps the two largest buffers, and none for small calls", () => {
    const buffers = new CallBuffers();
    for (const size of [100, 20_000, 200_000, 100_000]) buffers.giveBack(Buffer.alloc(size));
    expect([50, 20_000, 90_000].map((size) => buffers.take(size).length)).toEqual([50, 200_000, 100_000]);
  });
});
