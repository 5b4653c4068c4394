/** Names of CloudEvents that follow the pattern of GitLab's adapter: `com.gitlab.<kind>[.<action>]`. */
import { object, text, type Json } from "../../../lib/json.ts";
import type { CloudEventName, Meta } from "./kind.ts";

/** For kinds that the adapter does not know. */
export function plainCloudEvent(meta: Meta, body: Json): CloudEventName {
  const attributes = object(body["object_attributes"]);
  return {
    type: [meta.kind ?? "unknown", meta.action],
    subject: idText(attributes["iid"], attributes["id"], body["id"], body["group_id"], body["project_id"]),
  };
}

/** The first text or whole number, as text. */
export function idText(...candidates: readonly unknown[]): string | null {
  for (const candidate of candidates) {
    const found =
      typeof candidate === "number" && Number.isSafeInteger(candidate) ? String(candidate) : text(candidate);
    if (found !== null) return found;
  }
  return null;
}
