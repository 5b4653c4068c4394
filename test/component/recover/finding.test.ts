import { describe, expect, test } from "vitest";
import type { LogRow } from "../../../component/gitlab/hook-log.ts";
import { createFinding, isDelivered, openSince, type Missed } from "../../../component/recover/finding.ts";

const AT = Date.UTC(2026, 0, 31, 8);

function row(id: number, status: string, more: Partial<LogRow> = {}): LogRow {
  return {
    id,
    trigger: "push_hooks",
    url: "https://hooks.acme.dev/webhooks/gitlab",
    headers: { "x-gitlab-event": "Push Hook", "idempotency-key": `key-${id}` },
    body: { object_kind: "push", project: { path_with_namespace: "acme/app" }, n: id },
    status,
    at: AT + id * 1000,
    durationMs: 20,
    ...more,
  };
}

/** A row as GitLab before 17.4 has it. */
function old(id: number, status: string, uuid: string, n: number): LogRow {
  return row(id, status, { headers: { "x-gitlab-event-uuid": uuid }, body: { object_kind: "push", n } });
}

function missed(...rows: LogRow[]): Missed[] {
  const finding = createFinding();
  finding.add(rows);
  return finding.missed();
}

describe("createFinding()", () => {
  test.each(["500", "503", "401", "404", "302", "internal error", ""])("status %j is a failure", (status) => {
    expect(missed(row(1, status)).map((d) => d.rowIds)).toEqual([[1]]);
    expect(isDelivered(status)).toBe(false);
  });

  test.each(["200", "201", "202", "204"])("status %s is a success", (status) => {
    expect(missed(row(1, status))).toEqual([]);
  });

  test("one success among the attempts of a delivery is enough, in whatever order rows come", () => {
    const headers = { "idempotency-key": "same" };
    const rows = [
      row(3, "internal error", { headers }),
      row(2, "200", { headers }),
      row(1, "500", { headers }),
    ];
    expect(missed(...rows)).toEqual([]);
    expect(missed(...rows.toReversed())).toEqual([]);
    expect(missed(rows[0]!, rows[2]!).map((d) => d.rowIds)).toEqual([[1, 3]]);
  });

  test("two hooks' or two events' ids are never mixed up", () => {
    const body = { object_kind: "push" };
    const rows = [row(1, "500", { body }), row(2, "200", { body })];
    expect(missed(...rows).map((d) => d.id)).toEqual(["key-1"]);
  });

  test("since 19.0 the webhook-id says the same", () => {
    const headers = { "webhook-id": "w" };
    expect(missed(row(1, "500", { headers })).map((d) => d.id)).toEqual(["w"]);
  });

  test("before 17.4: joined by the event's UUID, then by what was sent", () => {
    expect(missed(old(1, "500", "a", 1), old(2, "200", "a", 1))).toEqual([]);
    expect(missed(old(1, "500", "a", 1), old(2, "200", "b", 1))).toEqual([]);
    expect(missed(old(1, "500", "a", 1), old(2, "200", "b", 2)).map((d) => d.rowIds)).toEqual([[1]]);
    // The third has something in common with both of the others.
    const chain = [old(1, "500", "a", 1), old(2, "500", "b", 2), old(3, "500", "a", 2)];
    expect(missed(...chain).map((d) => d.rowIds)).toEqual([[1, 2, 3]]);
    expect(missed(...chain, old(4, "200", "b", 9))).toEqual([]);
    expect(missed(old(1, "500", "a", 1))[0]).toMatchObject({
      id: null,
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test("oldest first, by when the attempt began: one that timed out was logged late", () => {
    const rows = [
      row(1, "503", { at: AT + 2000 }),
      row(2, "internal error", { at: AT + 10_000, durationMs: 10_000 }),
      row(3, "503", { at: AT + 12_000 }),
    ];
    expect(missed(...rows).map((d) => d.rowIds[0])).toEqual([2, 1, 3]);
  });

  test("a row that a moving page shows twice counts once", () => {
    const finding = createFinding();
    finding.add([row(2, "500"), row(1, "500")]);
    finding.add([row(1, "500")]);
    expect(finding.missed().map((d) => d.rowIds)).toEqual([[1], [2]]);
    expect(finding.attempts().map((a) => a.id)).toEqual([1, 2]);
  });

  test("says kind, project, time, status, and what GitLab's log has left out", () => {
    const [plain, mails, oversize, empty] = missed(
      row(1, "500"),
      row(2, "500", { body: { commits: [{ author: { email: "[REDACTED]" } }] } }),
      row(3, "500", { body: { oversize: true } }),
      row(4, "500", { body: {} }),
    );
    expect(plain).toMatchObject({
      kind: "push",
      projectPath: "acme/app",
      at: AT + 1000,
      status: "500",
      redacted: false,
      lost: null,
    });
    expect(mails).toMatchObject({ redacted: true, lost: null });
    expect(oversize?.lost).toMatch(/^oversize/);
    expect(empty?.lost).toContain("no body");
  });

  test("a GitLab that gives no times still has an order", () => {
    expect(
      missed(row(2, "500", { at: null }), row(1, "500", { at: null })).map((d) => [d.rowIds[0], d.at]),
    ).toEqual([
      [1, null],
      [2, null],
    ]);
  });
});

test("openSince() finds the success of a delivery among later rows, with or without an id", () => {
  const [withId] = missed(row(1, "500"));
  expect(openSince(withId!, [row(2, "200")])).toBe(withId);
  expect(openSince(withId!, [row(2, "200", { headers: { "idempotency-key": "key-1" } })])).toBeNull();
  expect(openSince(withId!, [row(2, "500", { headers: { "idempotency-key": "key-1" } })])).toBe(withId);
  const [without] = missed(old(1, "500", "a", 1));
  expect(openSince(without!, [old(2, "200", "b", 1)])).toBeNull();
});
