/**
 * What the queue of one process writes beside the events, as bytes. Pure.
 *
 *   state:<id>:<target>:<replay>  one delivery that was tried, or a replay (state-records.ts)
 *   routes:<number>               where a batch of events goes, and the columns by which they are listed (route-records.ts)
 *   dedupe:<number>               ids of removed events that are still remembered, 16 bytes each
 *   target:<name>                 switches of a target
 *   duplicates:<id>               how often the event was sent again, and when last
 *   replays:<job>, replays:<job>:<target>  replay jobs (replay-records.ts)
 *
 * A delivery without an attempt has no key of its own: its record of routes stands for it.
 */
import { EVENT_KEY, ID_BYTES, type IdWords } from "../../event/event-id.ts";

export const PREFIX = {
  event: EVENT_KEY,
  state: "state:",
  routes: "routes:",
  dedupe: "dedupe:",
  target: "target:",
  duplicates: "duplicates:",
  replays: "replays:",
} as const;

export function stateKey(id: string, target: string, replay: number): string {
  return `${PREFIX.state}${id}:${target}:${replay}`;
}

export function encodeIds(ids: readonly IdWords[]): Uint8Array {
  const bytes = Buffer.alloc(ids.length * ID_BYTES);
  ids.forEach((id, index) => {
    id.forEach((word, place) => bytes.writeUInt32LE(word, index * ID_BYTES + place * 4));
  });
  return bytes;
}

/** Calls back with the words of each id. */
export function visitIds(
  value: Uint8Array,
  visit: (w0: number, w1: number, w2: number, w3: number) => void,
): void {
  const bytes = asBuffer(value);
  for (let at = 0; at < bytes.length; at += ID_BYTES) {
    visit(
      bytes.readUInt32LE(at),
      bytes.readUInt32LE(at + 4),
      bytes.readUInt32LE(at + 8),
      bytes.readUInt32LE(at + 12),
    );
  }
}

/** The same bytes, with Node's readers of numbers. */
export function asBuffer(value: Uint8Array): Buffer {
  if (Buffer.isBuffer(value)) return value;
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
