/** The message of an event: its subject, its id and its headers. Pure. */
import { messageOf } from "../../../lib/errors.ts";
import type { EventMeta } from "../../event/event.ts";
import { parsedBody } from "../../event/parsed-body.ts";
import type { Sending } from "../../delivery/port.ts";
import { compileTemplate, templateScope, type Template } from "../../expressions/template.ts";
import { gitlabHeaders, instanceHeader } from "../http/headers.ts";
import type { NatsTargetSettings } from "./settings.ts";

export interface Message {
  readonly subject: string;
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
}

export type MessageEvent = Pick<Sending, "meta" | "body" | "replay">;

/** Throws an Error that names the setting if the event lacks what its template asks for. */
export type MessageOf = (event: MessageEvent) => Message;

export function createMessages(config: Pick<NatsTargetSettings, "subject" | "messageId">): MessageOf {
  const subject = compiled(config.subject);
  const id = compiled(config.messageId);
  return function messageOfEvent({ meta, body, replay }) {
    const scope = templateScope(meta, parsedBody(body));
    const filled = (name: string, fill: () => string): string => {
      try {
        return fill();
      } catch (error) {
        throw new Error(`${name}: ${messageOf(error).split("\n")[0]}`, { cause: error });
      }
    };
    const own = filled("messageId", () => id.text(scope, onOneLine));
    return {
      subject: checkedSubject(filled("subject", () => subject.text(scope, asTokens))),
      id: replay === 0 ? own : `${own}-replay-${replay}`,
      headers: headersOfMessage(meta),
    };
  };
}

function compiled(text: string): Template {
  const result = compileTemplate(text);
  if ("problem" in result) throw new SyntaxError(result.problem);
  return result.template;
}

/**
 * A value as tokens of a subject: a path keeps its levels, everything that means something to NATS does not pass. What strangers write
 * never leaves its place: `acme/my.web` is `acme.my_web`.
 */
function asTokens(value: string): string {
  const tokens = value.split("/").map((token) => token.replace(/[^\p{L}\p{N}_=-]/gu, "_"));
  return tokens.map((token) => (token === "" ? "_" : token)).join(".");
}

function onOneLine(value: string): string {
  return value.replace(/\s+/g, " ");
}

const MAX_SUBJECT = 1024;

/** Of the settings' own text: a subject to publish to has no wildcards, blanks or empty tokens. */
function checkedSubject(subject: string): string {
  if (subject.length > MAX_SUBJECT) throw new Error(`subject: is longer than ${MAX_SUBJECT} characters`);
  if (/[\s*>]/.test(subject) || subject.split(".").includes(""))
    throw new Error(`subject: "${subject}" is not a subject to publish to`);
  return subject;
}

function headersOfMessage(meta: EventMeta): Record<string, string> {
  return {
    ...gitlabHeaders(meta),
    "x-relay-event-id": meta.id,
    "x-relay-received-at": new Date(meta.receivedAt).toISOString(),
    ...instanceHeader(meta),
    ...(meta.test === true ? { "x-relay-test": "true" } : {}),
  };
}
