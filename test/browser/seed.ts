/** A month of a small team's work, written where the relay keeps it, so that the charts have something to show. */
import { join } from "node:path";
import { addFacts, emptyPage } from "../../relay/storage/fact-sheet.ts";
import type { Fact, FactType, FactValues } from "../../relay/event/activity-facts.ts";
import { createFilesActivityStore } from "../../relay/storage/files/activity-store.ts";
import type { ActivityEntry } from "../../relay/storage/activity-store.ts";
import { openJournal } from "../../relay/storage/journal/open.ts";

const PEOPLE = ["alice", "bob", "chen", "dana"];
const PROJECTS = ["acme/shop", "acme/platform/api", "acme/docs"];
const JOBS = ["e2e", "unit", "lint", "deploy:review"];
const DAYS = 35;
const DAY_MS = 86_400_000;

/** Repeatable numbers from 0 up to, not including, 1. */
function numbers(): () => number {
  let state = 7;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

/** @param base folder of the queue, which no relay uses at the moment */
export async function seedActivity(base: string, now: number): Promise<void> {
  const random = numbers();
  const below = (end: number): number => Math.floor(random() * end);
  const entries: ActivityEntry[] = [];
  let key = 0;
  for (let back = DAYS; back >= 1; back -= 1) {
    const date = new Date(now - back * DAY_MS);
    const isWeekend = date.getUTCDay() % 6 === 0;
    for (const project of PROJECTS) {
      const facts: Fact[] = [];
      const add = <T extends FactType>(type: T, author: string, value: FactValues[T]): void => {
        key += 1;
        facts.push({ type, key: String(key), author, value });
      };
      const busy = isWeekend ? below(2) : 3 + below(9);
      for (let count = 0; count < busy; count += 1) {
        const author = PEOPLE[below(PEOPLE.length)]!;
        const hour = Math.min(23, Math.max(0, Math.round(9 + below(5) + below(5) - below(2))));
        add("commit", author, [below(3), 1 + below(6), below(2), hour]);
        add("push", author, [count % 3 === 0 ? "main" : `feature/${key % 7}`, 0]);
        const status = random() < 0.84 ? "success" : "failed";
        add("pipeline", author, [status, 90 + below(420)]);
        if (status === "failed") add("failedJob", author, JOBS[Math.min(below(5), below(4))]!);
        if (count % 4 === 0) add("opened", author, 1);
        if (count % 5 === 0) {
          add("merged", author, 1800 + below(40) * 3600);
          if (random() < 0.8)
            facts.push({ type: "approved", key: String(key), author: PEOPLE[below(4)]!, value: 1 });
        }
        if (count % 6 === 0) add("issueOpened", author, 1);
        if (count % 7 === 0) add("issueClosed", author, 7200 + below(200) * 3600);
        if (count % 8 === 0) add("deployed", author, random() < 0.95 ? "success" : "failed");
      }
      const page = emptyPage();
      addFacts(page, facts, "");
      if (facts.length > 0) entries.push({ day: date.toISOString().slice(0, 10), project, page });
    }
  }
  const store = createFilesActivityStore(
    await openJournal({ base: join(base, "activity"), minFreeBytes: 0 }),
  );
  await store.add(entries, now);
  await store.close();
}
