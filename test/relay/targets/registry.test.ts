import { expect, test } from "vitest";
import { systemClock } from "../../../lib/clock.ts";
import { createLog, createSecrets } from "../../../lib/log.ts";
import { targetSchema } from "../../../relay/targets/registry.ts";
import { createTargets } from "../../../relay/targets/registry.ts";
import { eventMeta } from "../../helpers/events.ts";

test("a log target writes one line per event and is done", async () => {
  const lines: string[] = [];
  const log = createLog({ level: "info", secrets: createSecrets(), write: (line) => lines.push(line) });
  const create = createTargets({ clock: systemClock, log });
  const target = create("seen", targetSchema.parse({ type: "log" }));
  const { signal } = new AbortController();
  const meta = eventMeta({ action: "open", bodyBytes: 17 });
  const result = await target.send({ meta, body: Buffer.from("{}"), attempt: 1, replay: 0, signal });
  expect(result.verdict).toBe("done");
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    event: "target.event",
    target: "seen",
    eventId: meta.id,
    kind: "push",
    action: "open",
    project: "acme/web",
    ref: "refs/heads/main",
    actor: "ada",
    bytes: 17,
  });
  await target.close();
});
