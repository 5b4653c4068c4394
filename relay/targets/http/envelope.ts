/** Body and headers of an attempt in the format that the target wants. */
import { object } from "../../../lib/json.ts";
import { parsedBody } from "../../event/parsed-body.ts";
import type { Sending } from "../../delivery/port.ts";
import { compileTemplateTree } from "../../expressions/template-tree.ts";
import { templateScope } from "../../expressions/template.ts";
import { cloudEventEnvelope } from "./cloud-event.ts";
import { toldEvent } from "./formats/format.ts";
import { READY_FORMATS } from "./formats/ready.ts";
import type { HttpTargetSettings } from "./settings.ts";

export interface Envelope {
  readonly body: Uint8Array;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Throws an Error that names the place if the event lacks what a template asks for. */
export type Enveloper = (sending: Pick<Sending, "meta" | "body">) => Envelope;

export function createEnveloper(
  config: Pick<HttpTargetSettings, "format" | "body" | "cloudEventsMode">,
): Enveloper {
  const { format, body: template, cloudEventsMode } = config;
  if (template !== undefined) return templateEnveloper(template);
  if (format === "raw") return ({ body }) => ({ body, headers: {} });
  if (format === "cloudevents") return (sending) => cloudEventEnvelope(cloudEventsMode, sending);
  const ready = READY_FORMATS[format];
  return ({ meta, body }) => {
    const told = toldEvent(meta, object(parsedBody(body)));
    return { body: Buffer.from(ready.body(told)), headers: { "content-type": ready.contentType } };
  };
}

function templateEnveloper(template: unknown): Enveloper {
  const compiled = compileTemplateTree(template, "body");
  if ("problems" in compiled) throw new SyntaxError(compiled.problems.map((p) => p.message).join("; "));
  return ({ meta, body }) => {
    const value = compiled.tree.render(templateScope(meta, parsedBody(body)));
    return { body: Buffer.from(JSON.stringify(value)), headers: { "content-type": "application/json" } };
  };
}
