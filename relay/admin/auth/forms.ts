/** What pages and API read from a request (parameters, forms) and what they tell after one: notices from a fixed list. */
import { parsedForm } from "./access.ts";
import { RefusalError } from "../api/answer.ts";
import { counted, grouped } from "../../../lib/numbers.ts";
import type { AdminContext, AdminDeps } from "../ports.ts";
import { joined, type Read } from "../api/query.ts";

/** Parameters; one that is given several times is one list. */
export function queryOf(c: AdminContext): Read {
  return (name) => {
    const values = c.req.queries(name);
    return values === undefined ? undefined : joined(values);
  };
}

/** Fields of a posted form; empty ones do not count. */
export async function formOf(c: AdminContext): Promise<Read> {
  const form = await parsedForm(c);
  return (name) => {
    const value = form[name];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
}

export function fieldNames(deps: AdminDeps): string[] {
  return deps.targets().map((target) => target.name);
}

/** The target chosen in a form; null: all that the event was matched with. */
export function targetOf(form: Read, deps: AdminDeps): string[] | null {
  const chosen = form("replayTo");
  return chosen !== undefined && fieldNames(deps).includes(chosen) ? [chosen] : null;
}

type Attempt<T> =
  | { readonly value: T; readonly problem: null }
  | { readonly value: null; readonly problem: string };

/** The value, or what is wrong with the parameters, in words. */
export async function attempt<T>(parse: () => T | Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await parse(), problem: null };
  } catch (error) {
    if (error instanceof RefusalError) return { value: null, problem: error.message };
    throw error;
  }
}

/** A path of this relay; anything else becomes the first page. */
export function safeNext(next: string | undefined): string {
  return next !== undefined && /^\/(?![/\\])[^\s\\]*$/.test(next) ? next : "/";
}

/** The replay job that the action before the redirect started; null: none. */
export function noticedJob(read: Read): string | null {
  const isOfReplay = ["queued", "replaying"].includes(read("notice") ?? "");
  return isOfReplay ? (/^[0-9a-z-]{1,40}$/.exec(read("job") ?? "")?.[0] ?? null) : null;
}

/** What the action before the redirect did. Only these texts, whatever the address says. */
export function noticeOf(read: Read, targets: readonly string[]): string | null {
  const target = targets.find((name) => name === read("target")) ?? "it";
  const count = Number(/^\d{1,9}$/.exec(read("n") ?? "")?.[0] ?? 0);
  switch (read("notice")) {
    case "queued":
      if (count === 0) return "No delivery fits, so nothing is replayed.";
      return count === 1
        ? "1 delivery is queued for replay."
        : `${grouped(count)} deliveries are queued for replay.`;
    case "replaying":
      return `At least ${counted(count, "delivery")} will be replayed.`;
    case "moved":
      return count === 1 ? "1 delivery was moved." : `${grouped(count)} deliveries were moved.`;
    case "no-target":
      return "The event matched no target: choose the target to replay it to.";
    case "no-filter":
      return "Filter the list first, then replay what it shows.";
    case "removed":
      return "The event was removed.";
    case "gone":
      return "The event no longer exists.";
    case "paused":
      return `The target is paused: deliveries to ${target} wait until you resume it.`;
    case "resumed":
      return `The target is resumed: deliveries to ${target} go out again.`;
    default:
      return null;
  }
}
