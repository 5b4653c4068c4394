/** A delivery as it is written: a head of fixed length, which a start reads, and the rest as JSON. */
import { deadReasonCode } from "../../queue/dead-reason.ts";
import type { Attempt, Delivery, DeliveryState } from "../../queue/delivery-state.ts";
import { asBuffer } from "./records.ts";

/** What is written of a delivery, beside what its key says. */
export interface StateRecord {
  readonly delivery: Omit<Delivery, "eventId" | "target" | "replay">;
  readonly lane: string | null;
  /** Order of a replay; null: its event's. */
  readonly order: number | null;
}

/** The part of a state record that a start needs, read without parsing the rest. */
export interface StateHead {
  readonly state: DeliveryState;
  readonly attempts: number;
  /** Due time or end, wall clock. */
  readonly at: number;
  readonly order: number | null;
  readonly lane: string | null;
  readonly isMoved: boolean;
  /** Place of its reason in DEAD_REASONS; null: it is not dead, or was written by a version before 0.2. */
  readonly deadReason: number | null;
}

const STATE_LETTERS: readonly DeliveryState[] = ["waiting", "sending", "done", "dead"];
const HEAD_BYTES = 22;

interface StateRest {
  readonly first: number | null;
  readonly reason: string | null;
  readonly history: readonly Attempt[];
  readonly movedTo?: string;
}

/** In the second byte. */
const HAS_LANE = 1;
const IS_MOVED = 2;
/** From this bit on: the place of its reason in DEAD_REASONS, plus 1; 0: it has none here. */
const REASON_SHIFT = 2;

/** Layout: state 1, has a lane, was moved, reason of death 1, attempts 2, time 8, order 8 (0: the event's), length of the lane 2, lane, JSON. */
export function encodeState(record: StateRecord): Uint8Array {
  const { delivery, lane, order } = record;
  const rest: StateRest = {
    first: delivery.firstAttemptAt,
    reason: delivery.reason,
    history: delivery.history,
    ...(delivery.movedTo === undefined ? {} : { movedTo: delivery.movedTo }),
  };
  const json = JSON.stringify(rest);
  const laneBytes = lane === null ? 0 : Buffer.byteLength(lane, "utf8");
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + laneBytes + Buffer.byteLength(json, "utf8"));
  bytes.writeUInt8(STATE_LETTERS.indexOf(delivery.state), 0);
  const reason = delivery.state === "dead" ? deadReasonCode(delivery) + 1 : 0;
  const flags = (lane === null ? 0 : HAS_LANE) | (delivery.movedTo === undefined ? 0 : IS_MOVED);
  bytes.writeUInt8(flags | (reason << REASON_SHIFT), 1);
  bytes.writeUInt16LE(delivery.attempts, 2);
  bytes.writeDoubleLE(delivery.endedAt ?? delivery.dueAt ?? 0, 4);
  bytes.writeDoubleLE(order ?? 0, 12);
  bytes.writeUInt16LE(laneBytes, 20);
  if (lane !== null) bytes.write(lane, HEAD_BYTES, "utf8");
  bytes.write(json, HEAD_BYTES + laneBytes, "utf8");
  return bytes;
}

export function decodeStateHead(value: Uint8Array): StateHead {
  const bytes = asBuffer(value);
  const order = bytes.readDoubleLE(12);
  const reason = bytes.readUInt8(1) >>> REASON_SHIFT;
  return {
    state: STATE_LETTERS[bytes.readUInt8(0)]!,
    attempts: bytes.readUInt16LE(2),
    at: bytes.readDoubleLE(4),
    order: order === 0 ? null : order,
    lane:
      (bytes.readUInt8(1) & HAS_LANE) === 0
        ? null
        : bytes.toString("utf8", HEAD_BYTES, HEAD_BYTES + bytes.readUInt16LE(20)),
    isMoved: (bytes.readUInt8(1) & IS_MOVED) !== 0,
    deadReason: reason === 0 ? null : reason - 1,
  };
}

/** Length of what a start reads: the head, or all of it if only the history tells why it is dead. */
export function stateNeededBytes(value: Uint8Array): number {
  const { state, deadReason } = decodeStateHead(value);
  return state === "dead" && deadReason === null ? value.length : stateHeadBytes(value);
}

/** Length of what decodeStateHead() reads. */
function stateHeadBytes(value: Uint8Array): number {
  return HEAD_BYTES + asBuffer(value).readUInt16LE(20);
}

export function decodeState(value: Uint8Array): StateRecord {
  const bytes = asBuffer(value);
  const { state, attempts, at, order, lane } = decodeStateHead(value);
  const rest = JSON.parse(bytes.toString("utf8", HEAD_BYTES + bytes.readUInt16LE(20))) as StateRest;
  const ended = state === "done" || state === "dead";
  return {
    delivery: {
      state,
      attempts,
      firstAttemptAt: rest.first,
      dueAt: ended ? null : at,
      endedAt: ended ? at : null,
      reason: rest.reason,
      history: rest.history,
      ...(rest.movedTo === undefined ? {} : { movedTo: rest.movedTo }),
    },
    lane,
    order,
  };
}
