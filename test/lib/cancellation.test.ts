import { describe, expect, test, vi } from "vitest";
import { Cancellable, type Cancellation } from "../../lib/cancellation.ts";

describe("Cancellable", () => {
  test("calls each listener once, in order, with the first reason", () => {
    const cancellable = new Cancellable();
    const called: string[] = [];
    const gone = vi.fn();
    cancellable.addEventListener("abort", () => called.push("first"));
    cancellable.addEventListener("abort", gone);
    cancellable.addEventListener("abort", () => called.push("second"));
    cancellable.removeEventListener("abort", gone);
    expect([cancellable.aborted, cancellable.reason]).toEqual([false, undefined]);
    cancellable.abort("why");
    cancellable.abort("again");
    expect([called, cancellable.aborted, cancellable.reason]).toEqual([["first", "second"], true, "why"]);
    expect(gone).not.toHaveBeenCalled();
  });

  test.each<[string, () => readonly [Cancellation, () => void]]>([
    [
      "its like",
      () => {
        const parent = new Cancellable();
        return [parent, () => parent.abort("over")];
      },
    ],
    [
      "an AbortSignal",
      () => {
        const parent = new AbortController();
        return [parent.signal, () => parent.abort()];
      },
    ],
  ])("follows %s until it is told not to", (_name, make) => {
    const [parent, abort] = make();
    const child = new Cancellable();
    child.follow(parent, "lost");
    abort();
    expect([child.aborted, child.reason]).toEqual([true, "lost"]);
    const late = new Cancellable();
    late.follow(parent, "was lost");
    expect(late.reason).toBe("was lost");
    const [other, abortOther] = make();
    const free = new Cancellable();
    free.follow(other, "lost");
    free.unfollow();
    abortOther();
    expect(free.aborted).toBe(false);
  });
});
