/**
 * The groups of a person who signs in: as the provider's claims tell them, or as GitLab's API lists them. The API's list is whole, inherited
 * memberships and all pages included; a claim is what the provider makes of it.
 */
import { UpstreamError } from "../../../lib/errors.ts";
import { createRest, LONGEST_PAGE, Pages } from "../../../lib/gitlab/rest.ts";
import type { Send } from "../../../lib/gitlab/sender.ts";
import { jsonOrNull, object, own, text, type Json } from "../../../lib/json.ts";

/** GitLab's number for guests, the least of its members. */
const GUEST = 10;
/** Pages that are read: 10,000 groups. */
const MOST_PAGES = 100;

/** A sign-in that cannot be completed; the text is for the person. */
export class SignInRefused extends Error {
  override readonly name = "SignInRefused";
}

/** Null: the provider did not say. A single group may come as a text, not as a list. */
export function groupsInClaims(claims: Json, claim: string): readonly string[] | null {
  const told = own(claims, claim);
  if (typeof told === "string") return told === "" ? [] : [told];
  return Array.isArray(told) ? told.filter((name) => typeof name === "string") : null;
}

/**
 * Full paths of all groups that the holder of the access token is a member of. Rejects with SignInRefused if the token may not list them, with
 * an UpstreamError if GitLab gives no list, or one without end.
 * @param get asks with the person's access token
 */
export async function groupsOfGitlab(
  url: string,
  get: (address: URL) => Promise<Response>,
): Promise<readonly string[]> {
  const rest = createRest({ url, send: sendWith(get) });
  const pages = new Pages();
  const paths: string[] = [];
  for (let next: number | null = 1; next !== null;) {
    if (next > MOST_PAGES)
      throw failure(
        `lists more than ${MOST_PAGES * LONGEST_PAGE} groups, which are too many to sign in with`,
      );
    const query = { min_access_level: GUEST };
    const page = await rest.page("/groups", query, { page: next, perPage: LONGEST_PAGE });
    pages.read(next, page.items);
    paths.push(...page.items.flatMap((group) => text(object(group)["full_path"]) ?? []));
    ({ next } = page);
  }
  return paths;
}

function sendWith(get: (address: URL) => Promise<Response>): Send {
  return async ({ url }) => {
    const response = await get(url);
    const { status } = response;
    if (status === 401 || status === 403)
      throw new SignInRefused(
        `GitLab does not list the groups (${status}): its application needs the scope read_api, and people must allow it`,
      );
    if (status !== 200) throw failure(`answers ${status} when asked for the groups`);
    return { status, headers: Object.fromEntries(response.headers), body: jsonOrNull(await response.text()) };
  };
}

function failure(what: string): UpstreamError {
  return new UpstreamError("bad-answer", `GitLab ${what}`, { retryable: true });
}
