import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { silentLog } from "../../../../lib/log.ts";
import { keepLastHour, type HourPart } from "../../../../relay/observe/hour/keep.ts";
import { createFilesLastHour } from "../../../../relay/storage/files/last-hour.ts";
import { unguarded } from "../../../../relay/storage/files/small-files.ts";
import { FakeClock } from "../../../helpers/clock.ts";

function part(value: unknown): HourPart & { value: unknown } {
  const made = {
    value,
    save: () => made.value,
    restore: (saved: unknown) => {
      if (saved !== undefined) made.value = saved;
    },
  };
  return made;
}

test("keepLastHour() writes each minute and at the end, and a next run begins with it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "last-hour-"));
  const clock = new FakeClock();
  const deps = (webhooks: HourPart, targets: HourPart) => ({
    store: createFilesLastHour(folder, unguarded),
    clock,
    log: silentLog,
    parts: { webhooks, targets, misses: part(null) },
  });
  const [webhooks, targets] = [part([1]), part({})];
  const first = await keepLastHour(deps(webhooks, targets));
  webhooks.value = [2];
  await clock.advance(60_000);
  // The write is not awaited by the clock: the end is.
  targets.value = { bot: [3] };
  await first.close();
  const [again, others] = [part(null), part(null)];
  const second = await keepLastHour(deps(again, others));
  expect([again.value, others.value]).toEqual([[2], { bot: [3] }]);
  await second.close();
  await rm(folder, { recursive: true });
});

test("keepLastHour() begins anew where the file is damaged, and warns once where it cannot write", async () => {
  const folder = await mkdtemp(join(tmpdir(), "last-hour-"));
  await writeFile(join(folder, "last-hour.json"), '{"webhooks":[');
  const events: string[] = [];
  const kept = part("as it was");
  const clock = new FakeClock();
  const hour = await keepLastHour({
    store: createFilesLastHour(join(folder, "last-hour.json"), unguarded),
    clock,
    log: { ...silentLog, warn: (event) => void events.push(event) },
    parts: { webhooks: kept, targets: kept, misses: kept },
  });
  await hour.close();
  expect([kept.value, new Set(events)]).toEqual(["as it was", new Set(["hour.not-kept"])]);
  await rm(folder, { recursive: true });
});
