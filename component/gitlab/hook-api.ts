/** What can be done with the hooks of one level, whichever endpoints do it. */
import { UpstreamError } from "../../lib/errors.ts";
import { badAnswer } from "../../lib/gitlab/rest.ts";
import type { Incoming } from "../../lib/gitlab/sender.ts";
import type { Hook, HookBody } from "./types.ts";

/** A parent is a project or a group by number or path; system hooks have none, and theirs is not looked at. */
export interface HookApi {
  /** All hooks, all pages. */
  list(parent: number | string): Promise<Hook[]>;
  /** One hook; it names the custom headers, which the list leaves out. */
  show(parent: number | string, id: number): Promise<Hook>;
  create(parent: number | string, body: HookBody): Promise<Hook>;
  edit(parent: number | string, id: number, body: HookBody): Promise<Hook>;
  /** Removing what is gone already is success. */
  remove(parent: number | string, id: number): Promise<void>;
  removeHeader(parent: number | string, id: number, name: string): Promise<void>;
  /** A test delivery; resolves if the receiver answered 2xx. */
  test(parent: number | string, id: number, trigger: string): Promise<void>;
}

/** Throws UpstreamError for an answer that is no hook. */
export function hookOf(value: unknown): Hook {
  const hook = value as Partial<Hook> | null;
  if (typeof hook?.id === "number" && typeof hook.url === "string") return hook as Hook;
  throw badAnswer("a hook");
}

export async function unlessAbsent<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof UpstreamError && error.code === "not-found") return null;
    throw error;
  }
}

export async function unlessGone(call: Promise<unknown>): Promise<void> {
  await unlessAbsent(call);
}

/**
 * Removes a hook that was there a moment ago: a single odd "not found" is not believed, nor is a success that is not GitLab's 204
 * while the hook is still there.
 */
export async function removeSurely(hook: {
  readonly remove: () => Promise<Incoming>;
  readonly show: () => Promise<unknown>;
}): Promise<void> {
  const first = await unlessAbsent(hook.remove());
  if (first?.status === 204 || (await unlessAbsent(hook.show())) === null) return;
  const { status } = await hook.remove();
  if (status === 204 || (await unlessAbsent(hook.show())) === null) return;
  const text = `GitLab answered the removal with ${status}, and the hook is still there: something in front of GitLab may answer in its place`;
  throw new UpstreamError("bad-answer", text, { status, retryable: false });
}
