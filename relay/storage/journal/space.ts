/**
 * Whether there is room for more intake: a floor of free space, kept so that completions can still be written on a disk that
 * others fill; a limit for the journal's own files; one for what waits in memory. Asks the system for its free space at most
 * once a second, and reckons with what was written meanwhile.
 */
import type { Clock } from "../../../lib/clock.ts";
import { messageOf, type UpstreamError } from "../../../lib/errors.ts";
import type { Log } from "../../../lib/log.ts";
import type { Disk } from "./disk.ts";
import { MAX_KEYS } from "./key-index.ts";
import type { Ledger } from "./ledger.ts";
import { journalRefusal } from "./errors.ts";

const LOOK_AGAIN_MS = 1000;

export interface SpaceLimits {
  /** Intake is refused while less than this is free; 0: no floor. */
  readonly minFreeBytes: number;
  /** Largest sum of all segments; null: none. */
  readonly maxBytes: number | null;
  /** Most bytes that wait in memory to become durable: for intake, and twice that for completions. */
  readonly maxPendingBytes: number;
}

export interface SpaceDeps {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
  readonly folder: string;
}

export class Space {
  readonly #limits: SpaceLimits;
  readonly #deps: SpaceDeps;
  /** As the system said last; null: it does not say. */
  #free: number | null = null;
  #writtenSince = 0;
  #lookedAt = 0;
  #looking: Promise<void> | null = null;
  #warned = false;
  /** Size of the last event that found no room; until there is room for it, intake counts as refused. */
  #refusedBytes = 0;

  constructor(limits: SpaceLimits, deps: SpaceDeps) {
    this.#limits = limits;
    this.#deps = deps;
  }

  /** Asks the system now. */
  async look(): Promise<void> {
    this.#looking ??= this.#ask().finally(() => (this.#looking = null));
    await this.#looking;
  }

  /** Whether so much more may be taken while the floor, and as much again, stays free. False if the system does not say. */
  async hasRoom(bytes: number): Promise<boolean> {
    await this.look();
    return this.#free !== null && this.#free - this.#writtenSince - 2 * bytes >= this.#limits.minFreeBytes;
  }

  /** Waits for a question that is under way. */
  async close(): Promise<void> {
    await this.#looking;
  }

  wrote(bytes: number): void {
    this.#writtenSince += bytes;
  }

  /** As #judge(); what is refused for intake is what trouble() tells of from then on. */
  refusal(
    priority: "intake" | "completion",
    bytes: number,
    pending: number,
    ledger: Ledger,
  ): UpstreamError | null {
    const refused = this.#judge(priority, bytes, pending, ledger);
    if (refused !== null && priority === "intake") this.#refusedBytes = bytes;
    return refused;
  }

  /** What speaks against taking `bytes` more, while `pending` bytes wait; null if nothing does. */
  #judge(
    priority: "intake" | "completion",
    bytes: number,
    pending: number,
    ledger: Ledger,
  ): UpstreamError | null {
    const { maxBytes, maxPendingBytes } = this.#limits;
    const intake = priority === "intake";
    const room = maxPendingBytes * (intake ? 1 : 2);
    if (pending > 0 && pending + bytes > room) {
      return journalRefusal(
        "queue-full",
        `Cannot store: ${pending} bytes wait for the disk, limit is ${room}`,
      );
    }
    if (!intake) return null;
    if (maxBytes !== null) {
      const held = ledger.bytes + pending;
      if (held + bytes > maxBytes) {
        return journalRefusal(
          "queue-full",
          `Cannot store: the journal has ${held} bytes, limit is ${maxBytes}`,
        );
      }
    }
    if (ledger.index.size >= MAX_KEYS) {
      return journalRefusal(
        "queue-full",
        `Cannot store: the journal has ${ledger.index.size} keys, limit is ${MAX_KEYS}`,
      );
    }
    return this.#belowFloor(bytes);
  }

  /** Why intake is refused, for each cause that refusal() knows; null if it is not. */
  trouble(pending: number, ledger: Ledger): string | null {
    const refused = this.#judge("intake", Math.max(1, this.#refusedBytes), pending, ledger);
    if (refused === null) this.#refusedBytes = 0;
    return refused?.message ?? null;
  }

  #belowFloor(bytes: number): UpstreamError | null {
    const { minFreeBytes } = this.#limits;
    if (minFreeBytes === 0) return null;
    if (this.#deps.clock.monotonic() - this.#lookedAt >= LOOK_AGAIN_MS) void this.look();
    if (this.#free === null) return null;
    const free = this.#free - this.#writtenSince;
    if (free - bytes >= minFreeBytes) return null;
    return journalRefusal(
      "disk-full",
      `Cannot store: ${Math.max(0, free)} bytes are free, ${minFreeBytes} are kept free`,
    );
  }

  async #ask(): Promise<void> {
    const { clock, disk, folder, log } = this.#deps;
    this.#lookedAt = clock.monotonic();
    const counted = this.#writtenSince;
    try {
      this.#free = await disk.freeBytes(folder);
    } catch (error) {
      if (!this.#warned) log.warn("journal.free-space-unknown", { folder, error: messageOf(error) });
      this.#warned = true;
      this.#free = null;
    }
    this.#writtenSince -= counted;
  }
}
