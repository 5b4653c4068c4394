/** Events for tests that need one and do not care which. */
import type { EventMeta } from "../../relay/event/event.ts";

export function eventMeta(changes: Partial<EventMeta> = {}): EventMeta {
  return {
    id: "01kf0000000000000000000001",
    receivedAt: Date.UTC(2026, 0, 15, 12, 0, 0),
    header: "Push Hook",
    kind: "push",
    eventName: "push",
    action: null,
    projectId: 42,
    projectPath: "acme/web",
    groupId: null,
    groupPath: null,
    ref: "refs/heads/main",
    actor: "ada",
    hookKey: null,
    instance: "https://gitlab.example.com",
    deliveryId: "5f7ad4f4-4b3c-4a0a-9f3e-0f3a0e1c2d3b",
    recovered: false,
    verifiedBy: ["token"],
    verifiedMs: 1,
    bodyBytes: 2,
    headers: [],
    ...changes,
  };
}
