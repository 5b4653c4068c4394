/**
 * Whether a target would get a stored event, why not, and what would be sent: by the settings in force, or by others that are only tried
 * here. Nothing is sent and nothing is kept.
 */
import { Hono } from "hono";
import { isObject } from "../../../lib/json.ts";
import { messageOf } from "../../../lib/errors.ts";
import { cutMasked } from "../../../lib/cut.ts";
import { previewOf, targetAddress, targetSchema, type TargetSettings } from "../../targets/registry.ts";
import type { Masking } from "../pages/masking.ts";
import type { AdminDeps, AdminEnv } from "../ports.ts";
import { refuse } from "./answer.ts";
import { unknownName } from "./filters.ts";
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
      return refuse(c, {
        status: 404,
        code: "not_found",
        message: unknownName("target", name, Object.keys(targets)),
      });
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
    const question = { name, settings, overrides, meta: event.meta, body };
    const preview = await previewTarget(question, routing, masking());
    return c.json({ ...preview, request: withAddressOf(present, settings, preview.request) });
  });

  return api;
}

export interface TargetPreview {
  readonly target: string;
  readonly event: string;
  /** Whether it would get the event, by the rules of now. */
  readonly gets: boolean;
  readonly stoppedBy: readonly { readonly rule: string; readonly text: string }[];
  /** Places of the overrides whose rules apply. */
  readonly overrides: readonly number[];
  /** Null for a target that sends nothing that can be shown. */
  readonly request: {
    readonly to: string;
    readonly headers: Readonly<Record<string, string>>;
    /** Masked and cut. */
    readonly body: string;
    readonly bodyBytes: number;
  } | null;
  /** Why the event would become a dead letter instead. */
  readonly error: string | null;
}

type Question = Parameters<AdminDeps["routing"]["explain"]>[0];

/** Holds no secret. */
export async function previewTarget(
  question: Question,
  routing: Pick<AdminDeps["routing"], "explain">,
  masking: Masking,
): Promise<TargetPreview> {
  const { gets, stoppedBy, overrides } = await routing.explain(question);
  return {
    target: question.name,
    event: question.meta.id,
    gets,
    stoppedBy: stoppedBy.map(({ rule, text }) => ({ rule, text: masking.text(text) })),
    overrides,
    ...shownRequest(question, masking),
  };
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

/**
 * The request with the address shown as that of the target, unless another one is tried: the path of a chat's webhook is its password, and
 * would be told if a format were tried whose paths are none.
 */
function withAddressOf(
  present: TargetSettings,
  tried: TargetSettings,
  request: TargetPreview["request"],
): TargetPreview["request"] {
  const isSame = "url" in present && "url" in tried && present.url === tried.url;
  if (request === null || !isSame) return request;
  const to = request.to.replace(targetAddress(tried) ?? "", () => targetAddress(present) ?? "");
  return { ...request, to };
}

function shownRequest(
  { settings, meta, body: received }: Question,
  masking: Masking,
): Pick<TargetPreview, "request" | "error"> {
  try {
    const request = previewOf(settings, { meta, body: received });
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
