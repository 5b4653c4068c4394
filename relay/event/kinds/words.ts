/** Words of which the sentences of events are made. What the payload lacks is left out; nothing is made up. */
import { count, text } from "../../../lib/json.ts";
import { refType, shortRef } from "../ref.ts";
import type { Telling } from "./kind.ts";

/** Characters of a title that are kept and shown. */
const TITLE_LENGTH = 80;

/** White space that becomes a single space. */
const TO_JOIN = /\s\s|[^\S ]/;

/** One line of at most 80 characters, the last an ellipsis if there are more; null if it is no text. */
export function titleOf(value: unknown): string | null {
  const found = text(value);
  if (found === null) return null;
  if (found.length <= TITLE_LENGTH && !TO_JOIN.test(found)) return found;
  const line = found.slice(0, TITLE_LENGTH * 4).replace(/\s+/g, " ");
  if (line.length <= TITLE_LENGTH && found.length <= TITLE_LENGTH * 4) return line;
  const characters = [...line];
  if (characters.length <= TITLE_LENGTH && found.length <= TITLE_LENGTH * 4) return line;
  return `${characters.slice(0, TITLE_LENGTH - 1).join("")}…`;
}

/** ` “Cart keeps its content”`, or nothing. */
export function quoted(value: unknown): string {
  const title = titleOf(value);
  return title === null ? "" : ` “${title}”`;
}

/** ` in acme/shop`, or nothing. */
export function inPlace({ place }: Telling): string {
  return place === null ? "" : ` in ${place}`;
}

/** ` of acme/shop`, or nothing. */
export function ofPlace({ place }: Telling): string {
  return place === null ? "" : ` of ${place}`;
}

/** ` to acme/shop`, or nothing. */
export function toPlace({ place }: Telling): string {
  return place === null ? "" : ` to ${place}`;
}

/** ` acme/shop`, ` with id 7`, or nothing: behind "the project" or "the group". */
export function named({ place }: Telling): string {
  return place === null ? "" : place.replace(/^(?:project|group) (?=\d+$)/, "with id ").replace(/^/, " ");
}

/** `release “v1”` with what stands before it, or `a release` if its title is not known. @param before such as `the ` */
export function titled(noun: string, title: unknown, before = ""): string {
  const shown = quoted(title);
  return shown === "" ? withArticle(noun) : `${before}${noun}${shown}`;
}

/** `merge request !7`, or `a merge request` if the number is not known. */
export function numbered(noun: string, sign: string, iid: unknown): string {
  const number = count(iid);
  return number === null ? withArticle(noun) : `${noun} ${sign}${number}`;
}

function withArticle(noun: string): string {
  return `${/^[aeiou]/i.test(noun) ? "an" : "a"} ${noun}`;
}

export function plural(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

interface Noun {
  readonly noun: string;
  readonly sign: string;
}

const NOUNS: ReadonlyMap<string, Noun> = new Map([
  ["MergeRequest", { noun: "merge request", sign: "!" }],
  ["Epic", { noun: "epic", sign: "&" }],
  ["Snippet", { noun: "snippet", sign: "$" }],
  ["ProjectSnippet", { noun: "snippet", sign: "$" }],
  ["PersonalSnippet", { noun: "snippet", sign: "$" }],
  ["Note", { noun: "comment", sign: "#" }],
  ["WikiPage::Meta", { noun: "wiki page", sign: "#" }],
]);

/** What GitLab's name of a type is called: `MergeRequest` is a merge request, `AlertManagement::Alert` an alert. */
export function nounOf(type: string): Noun {
  const last = type.slice(type.lastIndexOf("::") + 1).replace(/^:/, "");
  const words = snakeCase(last.slice(0, TITLE_LENGTH))
    .replace(/[_\s]+/g, " ")
    .trim();
  return NOUNS.get(type) ?? { noun: words === "" ? "item" : words, sign: "#" };
}

/** ` on merge request !7`, or nothing if the payload does not say on what. */
export function onSubject({ meta }: Telling): string {
  if (meta.subjectType === undefined) return "";
  const { noun, sign } = nounOf(meta.subjectType);
  return ` on ${numbered(noun, sign, meta.iid)}`;
}

/** `MergeRequest` -> `merge_request`. */
export function snakeCase(word: string): string {
  return word.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}

const PAST: ReadonlyMap<string, string> = new Map([
  ["open", "opened"],
  ["opened", "opened"],
  ["close", "closed"],
  ["closed", "closed"],
  ["reopen", "reopened"],
  ["update", "updated"],
  ["merge", "merged"],
  ["approved", "approved"],
  ["approval", "added an approval to"],
  ["unapproved", "withdrew the approval of"],
  ["unapproval", "withdrew an approval of"],
  ["create", "created"],
  ["delete", "deleted"],
]);

/** The action as a verb of the past; `changed` for one that is not known. */
export function pastOf(action: string | null): string {
  return (action === null ? undefined : PAST.get(action)) ?? "changed";
}

/** What was done to a thing: `was created`; a verb that takes more than the thing is none of it. */
export function wasOf(action: string | null): string {
  const past = pastOf(action);
  return `was ${past.includes(" ") ? "changed" : past}`;
}

const STATES: ReadonlyMap<string, string> = new Map([
  ["success", "succeeded"],
  ["failed", "failed"],
  ["canceled", "was cancelled"],
  ["canceling", "is being cancelled"],
  ["skipped", "was skipped"],
  ["running", "is running"],
  ["pending", "is pending"],
  ["created", "was created"],
  ["manual", "waits for a manual start"],
  ["scheduled", "is scheduled"],
  ["preparing", "is being prepared"],
  ["waiting_for_resource", "waits for a resource"],
  ["blocked", "is blocked"],
]);

/** The status of a pipeline, job or deployment as a predicate. */
export function stateOf(state: string | null): string {
  return state === null ? "changed" : (STATES.get(state) ?? `is ${state.replaceAll("_", " ")}`);
}

/** ` on main`, ` for merge request !7`, or nothing. */
export function onRef({ meta: { ref } }: Telling): string {
  if (ref === null) return "";
  return refType(ref) === "merge-request" ? ` for merge request ${shortRef(ref)}` : ` on ${shortRef(ref)}`;
}
