/**
 * Facts in the Redis that relays share: a hash per day and project, a field per fact. Setting a field is a union by itself, so
 * relays never have to agree on who writes.
 */
import type { RedisConnection } from "./connection.ts";
import { emptyPage, type OpenPage } from "../fact-sheet.ts";
import type { ActivityStore, ActivityEntry } from "../activity-store.ts";

/** Fields sent in one command. */
const FIELDS_AT_ONCE = 500;

export function createRedisActivityStore(connection: RedisConnection): ActivityStore {
  const { client, ask, prefix } = connection;
  const daysKey = `${prefix}:activity:days`;
  const markKey = `${prefix}:activity:mark`;
  const projectsKey = (day: string): string => `${prefix}:activity:projects:${day}`;
  const pageKey = (day: string, project: string): string => `${prefix}:activity:page:${day}:${project}`;

  return {
    async read(day) {
      const entries: ActivityEntry[] = [];
      for (const project of await ask(client.smembers(projectsKey(day))))
        entries.push({ day, project, page: pageOf(await ask(client.hgetall(pageKey(day, project)))) });
      return entries;
    },
    async add(entries, mark) {
      for (const { day, project, page } of entries) {
        await ask(client.sadd(daysKey, day));
        await ask(client.sadd(projectsKey(day), project));
        const fields = fieldsOf(page);
        for (let at = 0; at < fields.length; at += FIELDS_AT_ONCE)
          await ask(client.hset(pageKey(day, project), ...fields.slice(at, at + FIELDS_AT_ONCE).flat()));
      }
      await ask(client.set(markKey, String(mark)));
    },
    async mark() {
      const value = await ask(client.get(markKey));
      return value === null ? null : Number(value);
    },
    days: async () => (await ask(client.smembers(daysKey))).sort(),
    async remove(day) {
      for (const project of await ask(client.smembers(projectsKey(day))))
        await ask(client.del(pageKey(day, project)));
      await ask(client.del(projectsKey(day)));
      await ask(client.srem(daysKey, day));
    },
    close: () => Promise.resolve(),
  };
}

/** Field names are `[author, type, key]` as JSON: names of people may hold any character. */
function fieldsOf(page: OpenPage): [string, string][] {
  return Object.entries(page).flatMap(([author, byType]) =>
    Object.entries(byType).flatMap(([type, byKey]) =>
      Object.entries(byKey).map<[string, string]>(([key, value]) => [
        JSON.stringify([author, type, key]),
        JSON.stringify(value),
      ]),
    ),
  );
}

function pageOf(fields: Readonly<Record<string, string>>): OpenPage {
  const page = emptyPage();
  for (const [field, value] of Object.entries(fields)) {
    const [author, type, key] = JSON.parse(field) as [string, string, string];
    const byType = (page[author] ??= Object.create(null) as OpenPage[string]);
    const byKey = (byType[type] ??= Object.create(null) as Record<string, unknown>);
    byKey[key] = JSON.parse(value);
  }
  return page;
}
