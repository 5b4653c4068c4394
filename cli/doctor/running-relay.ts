/** A relay that runs: whether it is fit for webhooks, what it says needs attention, and its clock. */
import { jsonOrNull } from "../../lib/json.ts";
import { attentionListAnswer, healthAnswer } from "../answers.ts";
import { RelayApi, RelayApiError, networkText } from "../relay-api.ts";
import type { CliWorld } from "../world.ts";
import { fail, ok, skip, warn, type Diagnosis } from "./diagnosis.ts";

const TIMEOUT_MS = 5000;
/** Milliseconds: the `Date` header is exact to a second. */
const SKEW_MS = 5000;

export interface RunningRelay {
  readonly url: string;
  /** Null: none is known, so only what is open to all is looked at. */
  readonly token: string | null;
  /** Whether somebody named the address; a relay need not run at the default one. */
  readonly isAsked: boolean;
}

export async function relayDiagnoses(
  { url, token, isAsked }: RunningRelay,
  world: CliWorld,
): Promise<readonly Diagnosis[]> {
  try {
    const answer = await world.fetch(`${url.replace(/\/{1,9}$/, "")}/readyz`, {
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const clock = clockDiagnoses("clock of the relay", answer.headers.get("date"), world);
    const { data: health } = healthAnswer.safeParse(jsonOrNull(await answer.text()));
    const wrong = health?.checks.filter((check) => !check.ok) ?? [];
    if (health === undefined || (answer.status !== 200 && wrong.length === 0))
      return [
        fail(
          "relay",
          `${url} answers ${answer.status}, and not as a relay does`,
          "check --url (RELAY_URL), and the proxy in front of the relay",
        ),
      ];
    if (answer.status === 200)
      return [ok("relay", `${url} is ready`), ...clock, ...(await attention(url, token, world))];
    return [
      ...wrong.map(({ name, detail }) =>
        fail(
          "relay",
          `not ready: ${name}: ${detail}`,
          "webhooks get 503 until it is cured; docs/operations.md",
        ),
      ),
      ...clock,
    ];
  } catch (error) {
    return [
      (isAsked ? fail : warn)(
        "relay",
        `${url} does not answer: ${networkText(error)}`,
        "start it (gitlab-hook-relay serve), or correct --url (RELAY_URL)",
      ),
    ];
  }
}

async function attention(url: string, token: string | null, world: CliWorld): Promise<readonly Diagnosis[]> {
  const subject = "needs attention";
  if (token === null)
    return [skip(subject, "the admin token is not known: set RELAY_ADMIN_TOKEN or --token-file")];
  try {
    const api = new RelayApi({ url, token, fetch: world.fetch });
    const { items } = await api.json("attention", attentionListAnswer);
    if (items.length === 0) return [ok(subject, "nothing")];
    return items.map(({ severity, text, link }) =>
      (severity === "critical" ? fail : warn)(subject, text, `see ${api.url + link}`),
    );
  } catch (error) {
    if (!(error instanceof RelayApiError)) throw error;
    return [fail(subject, error.message, "set RELAY_ADMIN_TOKEN or --token-file to the relay's admin token")];
  }
}

/** The clocks of this machine and of another, by its `Date` header; empty if that says nothing. */
export function clockDiagnoses(subject: string, date: string | null, world: CliWorld): readonly Diagnosis[] {
  const there = Date.parse(date ?? "");
  if (Number.isNaN(there)) return [];
  const apart = Math.abs(world.clock.now() - there);
  if (apart <= SKEW_MS) return [ok(subject, "agrees with this machine's")];
  return [
    warn(
      subject,
      `differs from this machine's by ${Math.round(apart / 1000)} s`,
      "set both by NTP: signatures are refused if they seem older than gitlab.signatureToleranceSeconds",
    ),
  ];
}
