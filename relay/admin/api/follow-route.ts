/** Events as they come, after those that are there, for a program that wants each of them once: what `tail` reads. */
import type { Hono } from "hono";
import type { EventMeta } from "../../event/event.ts";
import { headersOf } from "../../targets/http/headers.ts";
import { queryOf } from "../auth/forms.ts";
import { leastRole } from "../auth/roles.ts";
import { followEvents } from "../live/follow.ts";
import { ReaderPlaces } from "../live/reader-places.ts";
import type { AdminDeps, AdminEnv } from "../ports.ts";
import { RefusalError, refuse } from "./answer.ts";
import type { ApiParts } from "./api-parts.ts";
import { followedJson } from "./event-json.ts";
import { parseAfter, parseFlag } from "./query.ts";

/** Readers at a time. */
const MAX_FOLLOWERS = 100;

export function mountFollow(api: Hono<AdminEnv>, deps: AdminDeps, { feed, readFilter }: ApiParts): void {
  const { queue, clock, log } = deps;
  const followers = new ReaderPlaces(MAX_FOLLOWERS);

  /** Null: the event is gone. */
  async function withBody(meta: EventMeta): Promise<string | null> {
    const body = await queue.body(meta.id);
    if (body === null) return null;
    const headers = headersOf({ meta, attempt: 1 }, {}, {});
    return JSON.stringify({ ...followedJson(meta), headers, body: Buffer.from(body).toString("base64") });
  }

  api.get("/events/follow", async (c) => {
    const read = queryOf(c);
    const filter = await readFilter(read);
    const after = parseAfter(read("after"));
    const bodies = parseFlag(read("bodies"));
    const { person, grant } = c.get("identity");
    if (bodies && !c.get("may")("read-bodies"))
      throw new RefusalError(
        403,
        "forbidden",
        `${person.name} is ${person.role}; bodies need the role ${leastRole("read-bodies")}`,
      );
    const giveBack = followers.take();
    if (giveBack === null)
      return refuse(c, {
        status: 503,
        code: "too_many_streams",
        message: `${MAX_FOLLOWERS} programs follow the events already, which is the limit`,
      });
    log.info("admin.followed", { person: person.name, filter, bodies });
    const lines = followEvents({
      queue,
      feed,
      clock,
      filter,
      after,
      isShared: deps.queue.isShared,
      grant,
      lineOf: bodies ? withBody : async (meta) => JSON.stringify(followedJson(meta)),
      onEnd: giveBack,
    });
    return c.body(lines, 200, {
      "Content-Type": "application/x-ndjson",
      "Cache-Control": "no-store",
      "X-Accel-Buffering": "no",
    });
  });
}
