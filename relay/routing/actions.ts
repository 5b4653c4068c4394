/**
 * Actions and states that the events of a kind have, as GitLab sends them, to find those in rules that belong to another kind. Pure; says
 * nothing of words that no kind here has, as GitLab may add some.
 */

const STATES = [
  "created",
  "waiting_for_resource",
  "preparing",
  "pending",
  "running",
  "success",
  "failed",
  "canceling",
  "canceled",
  "skipped",
  "manual",
  "scheduled",
];
const CHANGES = ["create", "update", "delete"];
const ISSUE = ["open", "close", "reopen", "update"];

/** By the kind of lib/events.ts; a kind that is not here has words that are not known for certain. */
const WORDS: ReadonlyMap<string, readonly string[]> = new Map([
  ["merge_request", [...ISSUE, "merge", "approved", "unapproved", "approval", "unapproval"]],
  ["issue", ISSUE],
  ["confidential_issue", ISSUE],
  ["pipeline", STATES],
  ["build", STATES],
  ["deployment", [...STATES, "blocked"]],
  ["release", CHANGES],
  ["wiki_page", CHANGES],
]);

const KNOWN: ReadonlySet<string> = new Set([...WORDS.values()].flat());

/** What the kinds have, if one of these actions is of other kinds alone; null: all may fit. @param actions without those behind `!` */
export function foreignActions(
  kinds: readonly string[],
  actions: readonly string[],
): { readonly foreign: readonly string[]; readonly known: readonly string[] } | null {
  const words = kinds.map((kind) => WORDS.get(kind));
  if (words.length === 0 || words.includes(undefined)) return null;
  const known = new Set(words.flatMap((of) => of ?? []));
  const foreign = actions.filter((action) => KNOWN.has(action) && !known.has(action));
  return foreign.length === 0 ? null : { foreign, known: [...known] };
}
