/**
 * Facts of a day and project, kept as one small document: author -> type -> key -> value. Merging documents is a union, so it may
 * be done twice and in any order. Pure.
 */
import type { Fact } from "../event/activity-facts.ts";

type Facts = Record<string, Record<string, unknown>>;

/** Names that come from outside are its keys: it inherits none. */
function empty<T>(): Record<string, T> {
  return Object.create(null) as Record<string, T>;
}

/** Keys are authors; "" if no author is named. */
export type OpenPage = Record<string, Facts>;

export function emptyPage(): OpenPage {
  return empty();
}

/** Adds all of another document. */
export function addPage(page: OpenPage, added: OpenPage): void {
  for (const [author, byType] of Object.entries(added)) {
    const mine = (page[author] ??= empty());
    for (const [type, byKey] of Object.entries(byType))
      Object.assign((mine[type] ??= empty<unknown>()), byKey);
  }
}

/** Adds the facts of an event. */
export function addFacts(page: OpenPage, facts: readonly Fact[], eventId: string): void {
  for (const { author, type, key, value } of facts) {
    const byType = (page[author ?? ""] ??= empty());
    const byKey = (byType[type] ??= empty<unknown>());
    byKey[key ?? eventId] = value;
  }
}

export function encodePage(page: OpenPage): Uint8Array {
  return Buffer.from(JSON.stringify(page), "utf8");
}

/** Throws a SyntaxError if the bytes are no document. */
export function decodePage(bytes: Uint8Array): OpenPage {
  const read = JSON.parse(Buffer.from(bytes).toString("utf8")) as OpenPage;
  const page = emptyPage();
  for (const [author, byType] of Object.entries(read)) {
    const facts = (page[author] = empty());
    for (const [type, byKey] of Object.entries(byType)) facts[type] = Object.assign(empty<unknown>(), byKey);
  }
  return page;
}

/** Every fact of a document. */
export function* factsIn(page: OpenPage): Generator<Fact> {
  for (const [author, byType] of Object.entries(page))
    for (const [type, byKey] of Object.entries(byType))
      for (const [key, value] of Object.entries(byKey))
        yield { author: author === "" ? null : author, type, key, value } as Fact;
}
