import { expect, test } from "vitest";
import {
  eventByName,
  eventRow,
  EVENTS,
  KNOWN_EVENT_NAMES,
  namesOf,
  subscribable,
  SYSTEM_HEADER,
} from "../../lib/events.ts";

test("eventByName() takes kind, flag and stem of the flag", () => {
  for (const name of ["merge_request", "merge_requests_events", "merge_requests"])
    expect(eventByName(name)?.kind).toBe("merge_request");
  expect(eventByName("job")?.kind).toBe("build");
  expect(eventByName("nonsense")).toBeUndefined();
});

test("subscribable() gives each level its flags, and every flag once", () => {
  expect(subscribable("project").map((r) => r.flag)).not.toContain("member_events");
  expect(subscribable("group").map((r) => r.flag)).toContain("member_events");
  expect(subscribable("system").map((r) => r.flag)).toEqual([
    "push_events",
    "tag_push_events",
    "merge_requests_events",
    "repository_update_events",
  ]);
  const flags = EVENTS.flatMap((r) => (r.flag === null ? [] : [r.flag]));
  expect(new Set(flags).size).toBe(flags.length);
});

test("KNOWN_EVENT_NAMES has both names of a job and the system events", () => {
  for (const name of ["build", "job", "user_failed_login", "work_item", "confidential_work_item"])
    expect(KNOWN_EVENT_NAMES).toContain(name);
});

test("eventByName() takes values of object_kind and event_name", () => {
  expect(eventByName("work_item")?.kind).toBe("issue");
  expect(eventByName("confidential_work_item")?.kind).toBe("confidential_issue");
  expect(eventByName("subgroup_create")?.kind).toBe("subgroup");
});

const CONFIDENTIAL = "Confidential Issue Hook";

test.each<[string | null, string | null, string | null, string | null, string[]]>([
  ["Push Hook", "push", "push", "push", ["push"]],
  ["Issue Hook", "issue", "issue", "issue", ["issue"]],
  ["Issue Hook", "work_item", "work_item", "issue", ["issue", "work_item"]],
  [
    CONFIDENTIAL,
    "work_item",
    "confidential_work_item",
    "confidential_issue",
    ["confidential_issue", "confidential_work_item", "issue", "work_item"],
  ],
  [
    null,
    "work_item",
    "confidential_work_item",
    "confidential_issue",
    ["confidential_issue", "confidential_work_item", "issue", "work_item"],
  ],
  [CONFIDENTIAL, "issue", null, "confidential_issue", ["confidential_issue", "issue"]],
  ["Confidential Note Hook", "note", null, "confidential_note", ["confidential_note", "note"]],
  ["Tag Push Hook", "push", "push", "push", ["push", "tag_push"]],
  ["Member Hook", "user_add_to_group", "user_add_to_group", "member", ["member", "user_add_to_group"]],
  [
    SYSTEM_HEADER,
    "user_add_to_group",
    "user_add_to_group",
    "system_member",
    ["system_member", "user_add_to_group"],
  ],
  ["Push Hook", null, null, "push", ["push"]],
  ["Push Hook", "quantum", null, "push", ["push", "quantum"]],
  [SYSTEM_HEADER, null, null, null, []],
  [SYSTEM_HEADER, "merge_request", "merge_request", "merge_request", ["merge_request"]],
  ["Quantum Hook", "quantum", null, null, ["quantum"]],
  ["__proto__", "constructor", "valueOf", null, ["constructor", "valueOf"]],
])(
  "an event with header %s, kind %s and name %s is of the row %s and goes by %j",
  (header, kind, eventName, row, names) => {
    expect(eventRow({ header, kind, eventName })?.kind ?? null).toBe(row);
    expect([...namesOf({ header, kind, eventName })].sort()).toEqual(names);
  },
);
