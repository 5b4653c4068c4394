/**
 * The target that is a GitLab pipeline: each event triggers one, with ref, variables and inputs made from the event.
 *
 * `X-Gitlab-Event-UUID` goes along, so that GitLab recognises hooks that trigger pipelines that fire hooks. The pipeline gets the
 * variable RELAY_EVENT_ID. GitLab has no idempotency key for triggers: where an attempt got no answer, its pipeline may run all the
 * same. With an `apiToken` a repetition first looks for a pipeline with this event's id among the latest that triggers started,
 * and takes it for its own; without one, or where GitLab hides the variables, a repetition may start a second pipeline.
 */
import type { Clock } from "../../../lib/clock.ts";
import { messageOf, UpstreamError } from "../../../lib/errors.ts";
import { resultOfAnswer, resultOfFailure } from "../../delivery/outcome.ts";
import type { AttemptResult, Sending, Target } from "../../delivery/port.ts";
import { MASK, shownUrl } from "../../../lib/log.ts";
import type { EventMeta } from "../../event/event.ts";
import { parsedBody } from "../../event/parsed-body.ts";
import { branchOf, refType, shortRef } from "../../event/ref.ts";
import { createConnections, type ConnectionDeps } from "../connection/connection.ts";
import { excerptOf, exchange, ExchangeError } from "../connection/exchange.ts";
import { USER_AGENT } from "../http/headers.ts";
import { compileTemplate, templateScope, type Template } from "../../expressions/template.ts";
import type { PipelineTargetSettings } from "./settings.ts";
import type { TargetRequest } from "../target-type.ts";
import { createStartedLookup, EVENT_ID_VARIABLE } from "./started.ts";

/** GitLab's clock may be this far behind ours, in milliseconds. */
const CLOCK_SKEW_MS = 300_000;

/** The token goes in the body. */
const NONE: ReadonlySet<string> = new Set();

interface Wanted {
  readonly project: string;
  readonly ref: string;
  readonly variables: Record<string, string>;
  readonly inputs: Record<string, unknown>;
}

/** Throws a ConfigError if its address or certificates cannot be used. */
export function createPipelineTarget(
  config: PipelineTargetSettings,
  deps: ConnectionDeps & { readonly clock: Clock },
): Target {
  const { clock } = deps;
  const url = new URL(config.url);
  const root = `${url.pathname.replace(/\/$/, "")}/api/v4`;
  const connections = createConnections(config, deps);
  const templates = compiledTemplates(config);
  const { apiToken } = config;
  const findStarted =
    apiToken === undefined ? null : createStartedLookup({ url: config.url, apiToken, connections, clock });

  async function trigger(wanted: Wanted, sending: Sending): Promise<AttemptResult> {
    const path = `${root}${triggerPath(wanted)}`;
    const headers = triggerHeaders(sending.meta);
    const body = Buffer.from(JSON.stringify(triggerContent(wanted, config.token)));
    const request = { origin: url.origin, path, method: "POST", headers, body } as const;
    const shown = `${shownUrl(config.url).replace(/\/$/, "")}/api/v4${triggerPath(wanted)}`;
    sending.wire?.sent({ method: "POST", url: shown, headers, hidden: NONE });
    const answer = await exchange(connections, request, sending.signal);
    sending.wire?.answered(answer.headers);
    const started = answer.status === 201 ? startedPipeline(answer.body) : null;
    const result = resultOfAnswer(answer.status, answer, started ?? excerptOf(answer.body), clock.now());
    return withReason(result, answer.body);
  }

  return {
    async send(sending) {
      if (isOfDeletedRef(config.ref, sending.body))
        return nothingMore("the branch or tag was deleted: there is nothing to run");
      let wanted: Wanted;
      try {
        wanted = wantedPipeline(templates, sending);
      } catch (error) {
        return { ...resultOfFailure(messageOf(error)), verdict: "dead" };
      }
      try {
        if (sending.attempt > 1 && findStarted !== null) {
          const { id, receivedAt } = sending.meta;
          const look = { project: wanted.project, eventId: id, since: receivedAt - CLOCK_SKEW_MS };
          const address = await findStarted(look, sending.signal);
          if (address !== null) return nothingMore(`an earlier attempt started ${address}`);
        }
        return await trigger(wanted, sending);
      } catch (error) {
        if (error instanceof ExchangeError) return resultOfFailure(error.message);
        if (error instanceof UpstreamError) return resultOfTrouble(error);
        throw error;
      }
    },
    close: () => connections.destroy(),
  };
}

/** What would be sent for an event, without the token. Throws an Error that names the template if the event lacks what it asks for. */
export function previewPipeline(
  config: PipelineTargetSettings,
  event: Pick<Sending, "meta" | "body">,
): TargetRequest {
  const wanted = wantedPipeline(compiledTemplates(config), event);
  return {
    to: `POST ${shownUrl(config.url).replace(/\/$/, "")}/api/v4${triggerPath(wanted)}`,
    headers: triggerHeaders(event.meta),
    body: Buffer.from(JSON.stringify(triggerContent(wanted, MASK))),
  };
}

function triggerPath({ project }: Wanted): string {
  return `/projects/${encodeURIComponent(project)}/trigger/pipeline`;
}

function triggerHeaders(meta: EventMeta): Record<string, string> {
  const uuid = meta.headers.find(([name]) => name === "x-gitlab-event-uuid")?.[1];
  return {
    "content-type": "application/json",
    "user-agent": USER_AGENT,
    ...(uuid === undefined ? {} : { "x-gitlab-event-uuid": uuid }),
  };
}

function triggerContent({ ref, variables, inputs }: Wanted, token: string): object {
  return { token, ref, variables, ...(isEmpty(inputs) ? {} : { inputs }) };
}

/** Done without a request. */
function nothingMore(excerpt: string): AttemptResult {
  return { verdict: "done", status: null, error: null, excerpt, retryAfterSeconds: null };
}

/** GitLab could not be asked whether the pipeline runs: to start another one would be a guess. */
function resultOfTrouble({ message, retryAfterMs }: UpstreamError): AttemptResult {
  const retryAfterSeconds = retryAfterMs === null ? null : retryAfterMs / 1000;
  return { ...resultOfFailure(message), retryAfterSeconds };
}

/** Pushes that delete say so by a commit of zeros. A `ref` that is fixed runs all the same: it may be there to clean up. */
function isOfDeletedRef(refTemplate: string | undefined, body: Uint8Array): boolean {
  if (refTemplate?.includes("{{") === false) return false;
  const payload = parsedBody(body);
  const { object_kind: kind, after } = (payload ?? {}) as { object_kind?: unknown; after?: unknown };
  return (kind === "push" || kind === "tag_push") && typeof after === "string" && /^0{40,64}$/.test(after);
}

function compiled(text: string): Template {
  const result = compileTemplate(text);
  if ("problem" in result) throw new SyntaxError(result.problem);
  return result.template;
}

function isEmpty(record: object): boolean {
  return Object.keys(record).length === 0;
}

function compiledTemplates(config: PipelineTargetSettings): Templates {
  return {
    project: compiled(config.project),
    ref: config.ref === undefined ? null : compiled(config.ref),
    variables: Object.entries(config.variables).map(([name, text]) => [name, compiled(text)] as const),
    inputs: Object.entries(config.inputs).map(([name, text]) => [name, compiled(text)] as const),
  };
}

interface Templates {
  readonly project: Template;
  /** Null: the event's own ref. */
  readonly ref: Template | null;
  readonly variables: readonly (readonly [string, Template])[];
  readonly inputs: readonly (readonly [string, Template])[];
}

/** Throws an Error that names the template where the event lacks what it asks for. */
function wantedPipeline(templates: Templates, { meta, body }: Pick<Sending, "meta" | "body">): Wanted {
  const scope = templateScope(meta, parsedBody(body));
  const filled = <T>(name: string, fill: () => T): T => {
    try {
      return fill();
    } catch (error) {
      throw new Error(`${name}: ${messageOf(error).split("\n")[0]}`, { cause: error });
    }
  };
  const text = (name: string, template: Template): string => {
    const result = filled(name, () => template.text(scope));
    if (result === "") throw new Error(`${name}: is empty for this event`);
    return result;
  };
  const variables = templates.variables.map(
    ([name, t]) => [name, filled(`variables.${name}`, () => t.text(scope))] as const,
  );
  const inputs = templates.inputs.map(
    ([name, t]) => [name, filled(`inputs.${name}`, () => t.value(scope))] as const,
  );
  return {
    project: text("project", templates.project),
    ref: templates.ref === null ? ownRef(meta) : text("ref", templates.ref),
    variables: { ...Object.fromEntries(variables), [EVENT_ID_VARIABLE]: meta.id },
    inputs: Object.fromEntries(inputs),
  };
}

/** What a trigger takes: the name of a branch or tag. A deployment has a name that may be either. */
function ownRef(meta: EventMeta): string {
  const branch = branchOf(meta);
  if (branch !== null) return branch;
  const { ref } = meta;
  if (ref === null || refType(ref) === "merge-request") {
    throw new Error("ref: the event has no branch or tag to run on; set the target's ref, such as ref: main");
  }
  return shortRef(ref);
}

function startedPipeline(body: Buffer): string | null {
  const url = /"web_url":\s*"(https?:[^"\s]+)"/.exec(body.toString("utf8"))?.[1];
  return url === undefined ? null : `started ${url}`;
}

/** GitLab says in the body why it refused: `{"message": ...}`. */
function withReason(result: AttemptResult, body: Buffer): AttemptResult {
  if (result.error === null) return result;
  const said = excerptOf(body);
  return said === null ? result : { ...result, error: `${result.error}: ${said.slice(0, 200)}` };
}
