/** What notes of missed webhooks do, whatever they are kept in. */
import { afterEach, expect, test } from "vitest";
import type { MissedWindow, RecoveryNotes } from "../../relay/storage/recovery-notes.ts";

export interface OpenedNotes {
  readonly notes: RecoveryNotes;
  /** The same storage, as another process sees it. @default about the same GitLab */
  reopen(instance?: string): Promise<RecoveryNotes>;
  instances(): Promise<readonly string[]>;
  close(): Promise<void>;
}

const window = (since: number, until: number): MissedWindow => ({ since, until, cause: "away" });

/** @param isShared several relays may have it open at once */
export function recoveryNotesContract(open: () => Promise<OpenedNotes>, isShared: boolean): void {
  const opened: OpenedNotes[] = [];
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.close();
  });
  const fresh = async (): Promise<OpenedNotes> => {
    const made = await open();
    opened.push(made);
    return made;
  };

  test("windows() are what was added, over a restart, until they are settled", async () => {
    const { notes, reopen } = await fresh();
    expect([await notes.windows(), await notes.lastResult()]).toEqual([[], null]);
    await notes.add(window(1000, 2000));
    await notes.add(window(3000, 4000));
    const again = await reopen();
    expect(await again.windows()).toEqual([window(1000, 2000), window(3000, 4000)]);
    await again.settle(2000, '{"delivered":3}');
    expect(await notes.windows()).toEqual([window(3000, 4000)]);
    expect(await notes.lastResult()).toBe('{"delivered":3}');
  });

  test("each GitLab has notes of its own, and those that have some are listed", async () => {
    const { notes, reopen, instances } = await fresh();
    expect(await instances()).toEqual(["default"]);
    const partner = await reopen("partner");
    await notes.add(window(1000, 2000));
    await partner.add(window(1000, 3000));
    await notes.settle(5000, '{"delivered":3}');
    expect([await partner.windows(), await partner.lastResult()]).toEqual([[window(1000, 3000)], null]);
    expect(await instances()).toEqual(["default", "partner"]);
    if (!isShared) return;
    expect(await notes.lease(60_000)).not.toBeNull();
    expect(await partner.lease(60_000)).not.toBeNull();
  });

  test("a window that is added again is there once", async () => {
    const { notes } = await fresh();
    await notes.add(window(1000, 2000));
    await notes.add(window(1000, 2000));
    expect(await notes.windows()).toEqual([window(1000, 2000)]);
  });

  test("a window takes the place of the one that it goes on from, and of no other", async () => {
    const { notes } = await fresh();
    await notes.add(window(1000, 2000));
    await notes.add(window(1500, 2500));
    await notes.add(window(1000, 3000), window(1000, 2000));
    await notes.add(window(1000, 3000), window(1000, 2000));
    expect(await notes.windows()).toEqual([window(1500, 2500), window(1000, 3000)]);
  });

  test("what is added at once is all there", async () => {
    const { notes } = await fresh();
    await Promise.all(Array.from({ length: 20 }, (_, n) => notes.add(window(n, n + 1))));
    expect(await notes.windows()).toHaveLength(20);
  });

  test.runIf(isShared)("a lease is one relay's, until it lets go or is silent for too long", async () => {
    const { notes, reopen } = await fresh();
    const other = await reopen();
    const first = await notes.lease(300);
    expect(await other.lease(300)).toBeNull();
    expect(await first?.renew()).toBe(true);
    expect(await first?.renew(60_000)).toBe(true);
    await first?.release();
    const second = await other.lease(50);
    expect(await first?.renew()).toBe(false);
    await expect.poll(() => notes.lease(60_000)).not.toBeNull();
    expect(await second?.renew()).toBe(false);
    await second?.release();
    expect(await other.lease(60_000)).toBeNull();
  });
}
