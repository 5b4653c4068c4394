/** The address that hooks call: whether it can be reached from here, and whether a relay's webhooks live there. */
import { messageOf } from "../../lib/errors.ts";
import type { Transport } from "../../lib/gitlab/transport.ts";
import { isObject, object, text } from "../../lib/json.ts";
import type { CliWorld } from "../world.ts";
import { fail, ok, type Diagnosis } from "./diagnosis.ts";
import { reach } from "./network.ts";

const TIMEOUT_MS = 10_000;
const SUBJECT = "hook url";

/** A relay answers GET at its webhook address with 405, in words of its own. */
export async function hookUrlDiagnoses(
  hookUrl: string | null,
  world: CliWorld,
  transport: Transport,
): Promise<readonly Diagnosis[]> {
  if (hookUrl === null) return [];
  const url = new URL(hookUrl);
  const reached = await reach({ subject: SUBJECT, url }, world.env, world.clock.now());
  if (reached.status === "fail") return [reached];
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const { status, text: body } = await transport(url, { method: "GET", headers: {}, signal });
    if (status === 405 && codeOf(body) === "method_not_allowed")
      return [reached.status === "warn" ? reached : ok(SUBJECT, `${url.host} takes webhooks there`)];
    return [
      fail(
        SUBJECT,
        `${url.host}${url.pathname} answers ${status}, which no relay does there`,
        "the path is /webhooks/gitlab, behind server.basePath if one is set; look at what the proxy in front of the relay does with it",
      ),
    ];
  } catch (error) {
    return [
      fail(
        SUBJECT,
        `${url.host} gives no answer: ${messageOf(error)}`,
        "check the relay, and the proxy in front of it",
      ),
    ];
  }
}

function codeOf(body: string): string | null {
  try {
    const value: unknown = JSON.parse(body);
    return isObject(value) ? text(object(value["error"])["code"]) : null;
  } catch {
    return null;
  }
}
