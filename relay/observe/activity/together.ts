/**
 * What facts say together that none says alone, before they are added up: whose commit it is, how many commits a push has that no
 * push lists, and which approvals stand. Pure; the order of the facts does not matter.
 */
import type { Certainty, Fact } from "../../event/activity-facts.ts";

/** A fact with where and when it was told. */
export interface Row extends Fact {
  readonly project: string;
  /** Start of its day or week. */
  readonly period: string;
}

/** The rows that count. */
export function together(rows: readonly Row[]): Row[] {
  const counted: Row[] = [];
  for (const ofProject of groupBy(rows, (row) => row.project).values()) {
    for (const row of ofProject) if (!RESOLVED.has(row.type)) counted.push(row);
    for (const row of commitsByOnePerson(rowsOf(ofProject, "commit"))) counted.push(row);
    for (const row of commitsThatNonePushLists(ofProject)) counted.push(row);
    for (const row of standingApprovals(ofProject)) counted.push(row);
  }
  return counted;
}

const RESOLVED: ReadonlySet<Row["type"]> = new Set([
  "commit",
  "older",
  "unlisted",
  "approved",
  "unapproved",
  "approvalsReset",
]);

type RowOf<T extends Row["type"]> = Row & Fact<T>;

function rowsOf<T extends Row["type"]>(rows: readonly Row[], type: T): readonly RowOf<T>[] {
  return rows.filter((row): row is RowOf<T> => row.type === type);
}

function groupBy<T>(items: readonly T[], nameOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(nameOf(item));
    if (group === undefined) groups.set(nameOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

/**
 * A commit has one author, even if it was told twice and the second time without addresses (GitLab's log hides them): the surest
 * name counts.
 */
function commitsByOnePerson(commits: readonly RowOf<"commit">[]): Row[] {
  const surest = new Map<string, RowOf<"commit">>();
  for (const row of commits) {
    const known = surest.get(row.key ?? "");
    if (known === undefined || isSurer(row, known)) surest.set(row.key ?? "", row);
  }
  return commits.filter((row) => row.author === surest.get(row.key ?? "")?.author);
}

function isSurer(row: RowOf<"commit">, other: RowOf<"commit">): boolean {
  const difference = certaintyOf(row) - certaintyOf(other);
  return difference > 0 || (difference === 0 && (row.author ?? "") < (other.author ?? ""));
}

/** Facts of 0.1.0 do not say; an address and a name with a space can be told from a username. */
function certaintyOf({ author, value }: RowOf<"commit">): Certainty {
  if (value[4] !== undefined) return value[4];
  if (author === null || /\s/.test(author)) return 0;
  return author.includes("@") ? 1 : 2;
}

/**
 * A push of many commits lists the newest 20 and tells the number of all. Those that it does not list may be known from other pushes:
 * from the oldest that it lists one commit leads to the one before it, as far as any push lists them. What is left counts, once.
 */
function commitsThatNonePushLists(rows: readonly Row[]): Row[] {
  const listed = new Set(rowsOf(rows, "commit").map((row) => row.key));
  const olderOf = new Map(rowsOf(rows, "older").map((row) => [row.key ?? "", row.value]));
  const gaps = new Map<string, RowOf<"unlisted">>();
  for (const row of rowsOf(rows, "unlisted")) {
    const oldest = (row.key ?? "").split("+")[0] ?? "";
    if ((gaps.get(oldest)?.value ?? 0) < row.value) gaps.set(oldest, row);
  }
  return [...gaps].flatMap(([oldest, row]) => {
    const seen = new Set([oldest]);
    let known = 0;
    let commit = olderOf.get(oldest);
    while (commit !== undefined && listed.has(commit) && !seen.has(commit) && known < row.value) {
      seen.add(commit);
      known += 1 + (gaps.get(commit)?.value ?? 0);
      commit = gaps.has(commit) ? undefined : olderOf.get(commit);
    }
    return known < row.value ? [{ ...row, key: oldest, value: row.value - known }] : [];
  });
}

interface Word {
  readonly row: Row;
  /** Time of the merge request, then of receipt; milliseconds. */
  readonly at: readonly [number, number];
}

/** The last word of each person on each merge request, as long as no later push took it back. Keyed by the merge request. */
function standingApprovals(rows: readonly Row[]): Row[] {
  const last = new Map<string, Word>();
  const resetAt = new Map<string, Word>();
  for (const row of rows) {
    const isReset = row.type === "approvalsReset";
    if (row.type !== "approved" && row.type !== "unapproved" && !isReset) continue;
    const [iid = "", at = "0.0"] = (row.key ?? "").split("@");
    const [ofRequest = 0, ofReceipt = 0] = at.split(".").map(Number);
    const word: Word = { row: { ...row, key: iid }, at: [ofRequest, ofReceipt] };
    const into = isReset ? resetAt : last;
    const name = isReset ? iid : `${iid}\n${row.author ?? ""}`;
    const known = into.get(name);
    if (known === undefined || isLater(word, known)) into.set(name, word);
  }
  return [...last.values()].flatMap((word) => {
    const reset = resetAt.get(word.row.key ?? "");
    const stands = word.row.type === "approved" && (reset === undefined || isLater(word, reset));
    return stands ? [word.row] : [];
  });
}

function isLater({ at }: Word, other: Word): boolean {
  return at[0] > other.at[0] || (at[0] === other.at[0] && at[1] > other.at[1]);
}
