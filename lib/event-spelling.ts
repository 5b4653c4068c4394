/** The event that a wrong name means: what hooks and headers call it, what other products and people call it, and slips of the pen. */
import { closestMatch } from "leven";
import { EVENTS, eventByName, KNOWN_EVENT_NAMES, SYSTEM_HEADER } from "./events.ts";

const WORDS: ReadonlyMap<string, string> = new Map([
  ...EVENTS.filter((row) => row.header !== SYSTEM_HEADER).flatMap(
    ({ kind, title, header }) =>
      [
        [title.toLowerCase(), kind],
        [header.toLowerCase(), kind],
      ] as const,
  ),
  ["comment", "note"],
  ["comments", "note"],
  ["tag", "tag_push"],
  ["tags", "tag_push"],
  ["mr", "merge_request"],
  ["pull_request", "merge_request"],
  ["wiki", "wiki_page"],
]);

const NAMES = [...KNOWN_EVENT_NAMES];
/** Characters of a name, and letters that may be wrong in it: more of them, and it is another word. */
const LONGEST = 64;
const wrongLetters = (name: string): number => (name.length < 6 ? 1 : 2);

/** The right name, as rules and filters take it; null: none is near. */
export function nearestEventName(name: string): string | null {
  if (name.length > LONGEST) return null;
  const plain = name.trim().toLowerCase();
  const snake = plain.replace(/[-\s]+/g, "_");
  const meant = eventByName(snake)?.kind ?? WORDS.get(plain);
  return meant ?? closestMatch(snake, NAMES, { maxDistance: wrongLetters(snake) }) ?? null;
}
