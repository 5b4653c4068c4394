/** Events as they happen, as server-sent events. */
import type { Hono } from "hono";
import { queryOf } from "../auth/forms.ts";
import { compileFilter } from "../../queue/filter.ts";
import { ReaderPlaces } from "../live/reader-places.ts";
import { eventStream } from "../live/stream.ts";
import type { AdminDeps, AdminEnv } from "../ports.ts";
import { refuse } from "./answer.ts";
import type { ApiParts } from "./api-parts.ts";

const MAX_STREAMS = 100;

export function mountStream(
  api: Hono<AdminEnv>,
  deps: AdminDeps,
  { feed, masking, readFilter }: ApiParts,
): void {
  const mask = (text: string): string => masking().text(text);
  const streams = new ReaderPlaces(MAX_STREAMS);

  api.get("/stream", async (c) => {
    const read = queryOf(c);
    const filter = await readFilter(read);
    const giveBack = streams.take();
    if (giveBack === null)
      return refuse(c, { status: 503, code: "too_many_streams", message: `${MAX_STREAMS} streams are open` });
    const stream = eventStream({
      feed,
      clock: deps.clock,
      mask,
      lastId: c.req.header("last-event-id") ?? read("lastEventId") ?? null,
      wants: compileFilter(filter).meta,
      grant: c.get("identity").grant,
      onEnd: giveBack,
    });
    return c.body(stream, 200, {
      "Content-Type": "text/event-stream; charset=utf-8",
      "Cache-Control": "no-store",
      "X-Accel-Buffering": "no",
    });
  });
}
