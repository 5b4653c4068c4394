/** Where a person finds what an event is about: an address of GitLab, as its payload names it. */
import { object, text, type Json } from "../../lib/json.ts";
import type { EventMeta } from "./event.ts";
import { refType, shortRef } from "./ref.ts";

/** A longer address is none. */
const MAX_LINK = 2048;

/** An http or https address, normalised; null if the payload has none. Never throws. */
export function linkOf(meta: Pick<EventMeta, "kind" | "ref" | "refChange">, body: Json): string | null {
  const attributes = object(body["object_attributes"]);
  const project = object(body["project"]);
  const home = webAddress(text(project["web_url"], object(body["repository"])["homepage"]));
  const own = [attributes["url"], body["url"], body["deployable_url"]].map((found) =>
    webAddress(text(found)),
  );
  return own.find((found) => found !== null) ?? (home === null ? null : pageBelow(home, meta, body));
}

/** Of a push its branch or tag, of a job its page; otherwise the project. */
function pageBelow(
  home: string,
  { ref, refChange }: Pick<EventMeta, "ref" | "refChange">,
  body: Json,
): string {
  const job = body["build_id"];
  if (typeof job === "number") return `${home}/-/jobs/${job}`;
  if (ref === null || refChange === "deleted" || refType(ref) === "merge-request") return home;
  const name = shortRef(ref).split("/").map(encodeURIComponent).join("/");
  return webAddress(`${home}/-/${refType(ref) === "tag" ? "tags" : "commits"}/${name}`) ?? home;
}

function webAddress(found: string | null): string | null {
  if (found === null || found.length > MAX_LINK || !/^https?:\/\//i.test(found) || !URL.canParse(found))
    return null;
  return new URL(found).href.replace(/\/$/, "");
}
