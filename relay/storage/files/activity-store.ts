/** Facts in a journal beside the queue's: one value per day and project, written anew as a whole when something is added. */
import type { Journal, Operation } from "../journal/types.ts";
import { addPage, decodePage, emptyPage, encodePage } from "../fact-sheet.ts";
import type { ActivityStore, ActivityEntry } from "../activity-store.ts";

const PAGES = "page/";
const MARK = "mark";

export function createFilesActivityStore(journal: Journal): ActivityStore {
  const keyOf = (day: string, project: string): string => `${PAGES}${day}/${project}`;

  const dayKeys = (day: string): string[] => [...journal.keys(`${PAGES}${day}/`)];

  return {
    async read(day) {
      const entries: ActivityEntry[] = [];
      for (const key of dayKeys(day)) {
        const value = await journal.get(key);
        if (value === null) continue;
        entries.push({ day, project: key.slice(PAGES.length + day.length + 1), page: decodePage(value) });
      }
      return entries;
    },
    async add(entries, mark) {
      const operations: Operation[] = [];
      for (const { day, project, page } of entries) {
        const key = keyOf(day, project);
        const value = await journal.get(key);
        const whole = value === null ? emptyPage() : decodePage(value);
        addPage(whole, page);
        operations.push({ type: "set", key, value: encodePage(whole) });
      }
      operations.push({ type: "set", key: MARK, value: Buffer.from(String(mark), "utf8") });
      await journal.write(operations, "synced");
    },
    async mark() {
      const value = await journal.get(MARK);
      return value === null ? null : Number(Buffer.from(value).toString("utf8"));
    },
    days() {
      const days = new Set<string>();
      for (const key of journal.keys(PAGES)) days.add(key.slice(PAGES.length, PAGES.length + 10));
      return Promise.resolve([...days].sort());
    },
    async remove(day) {
      const operations = dayKeys(day).map<Operation>((key) => ({ type: "remove", key }));
      if (operations.length > 0) await journal.write(operations, "synced", "completion");
      await journal.compact();
    },
    close: () => journal.close(),
  };
}
