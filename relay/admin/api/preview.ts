/**
 * Whether a target would get a stored event, why not, and what would be sent: by the settings in force, or by others that are only tried
 * here. Nothing is sent and nothing is kept.
 */
import { Hono } from "hono";
import { isObject } from "../../../lib/json.ts";
import { messageOf } from "../../../lib/errors.ts";
import { cutMasked } from "../../../lib/cut.ts";
import { previewOf, targetSchema, type TargetSettings } from "../../targets/registry.ts";
import type { Masking } from "../pages/masking.ts";
import type { AdminDeps, AdminEnv } from "../ports.ts";
import { refuse } from "./answer.ts";
import { bad } from "./query.ts";

/** Characters of a body that are shown. */
const MAX_BODY = 65_536;

type PreviewDeps = Pick<AdminDeps, "queue" | "config" | "routing">;

/** Routes below /api/v1/targets, to be mounted there. */
export function createPreviewApi(deps: PreviewDeps, masking: () => Masking): Hono<AdminEnv> {
  const { queue, config, routing } = deps;
  const api = new Hono<AdminEnv>();

  api.post("/:name/preview", async (c) => {
    const name = c.req.param("name");
    const { targets, overrides } = config();
    const present = Object.hasOwn(targets, name) ? targets[name] : undefined;
    if (present === undefined)
      return refuse(c, { status: 404, code: "not_found", message: `there is no target "${name}"` });
    const asked = await c.req.json<unknown>().catch(() => null);
    if (!isObject(asked)) throw bad('the body must be a JSON object such as {"event": "<id>"}');
    const { event: id, settings: changes } = asked;
    if (typeof id !== "string") throw bad("event must be the id of a stored event");
    const settings = changes === undefined ? present : triedSettings(present, changes);
    const event = await queue.get(id);
    const body = event === null ? null : await queue.body(id);
    if (event === null || body === null)
      return refuse(c, {
        status: 404,
        code: "not_found",
        message: "there is no such event; it may have expired",
      });
    const { meta } = event;
    const {
      gets,
      stoppedBy,
      overrides: applied,
    } = await routing.explain({
      name,
      settings,
      overrides,
      meta,
      body,
    });
    const mask = masking();
    return c.json({
      target: name,
      event: id,
      gets,
      stoppedBy: stoppedBy.map(({ rule, text }) => ({ rule, text: mask.text(text) })),
      overrides: applied,
      ...shownRequest(settings, { meta, body }, mask),
    });
  });

  return api;
}

/** The target's settings with some of them changed. Throws a RefusalError (400) that names every mistake. */
function triedSettings(present: TargetSettings, changes: unknown): TargetSettings {
  if (!isObject(changes)) throw bad("settings must be an object with settings of the target");
  const parsed = targetSchema.safeParse({ ...present, ...changes });
  if (parsed.success) return parsed.data;
  throw bad(
    parsed.error.issues.map(({ path, message }) => `settings.${path.join(".")}: ${message}`).join("; "),
  );
}

type Previewed = Parameters<typeof previewOf>[1];

/** `request`: null for a target that sends none; `error`: why the event would become a dead letter instead. */
function shownRequest(settings: TargetSettings, event: Previewed, masking: Masking): object {
  try {
    const request = previewOf(settings, event);
    if (request === null) return { request: null, error: null };
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, masking.header(name, value)]),
    );
    const body = cutMasked(Buffer.from(request.body).toString("utf8"), MAX_BODY, (text) =>
      masking.text(text),
    );
    return { request: { to: request.to, headers, body, bodyBytes: request.body.length }, error: null };
  } catch (error) {
    return { request: null, error: masking.text(messageOf(error)) };
  }
}
