/** GitLab, the tokens that the installer uses there, and the hooks of the group. */
import { messageOf } from "../../lib/errors.ts";
import type { Transport } from "../../lib/gitlab/transport.ts";
import { object, text } from "../../lib/json.ts";
import { splitSecrets } from "../../lib/secrets.ts";
import { readVariable } from "../../lib/env.ts";
import type { InstallReport } from "../../component/report/report.ts";
import type { CliWorld } from "../world.ts";
import { fail, ok, skip, warn, type Diagnosis } from "./diagnosis.ts";
import { reach } from "./network.ts";
import { clockDiagnoses } from "./running-relay.ts";

const TIMEOUT_MS = 10_000;
const DAY_MS = 86_400_000;
const EXPIRY_DAYS = 14;

export interface GitLabPlace {
  /** Null: it is not known which. */
  readonly gitlabUrl: string | null;
  readonly group: string | null;
  /** Where hooks are to call. */
  readonly hookUrl: string | null;
}

/** Tokens for GitLab, as the installer reads them. */
export function gitlabTokens(world: CliWorld): readonly string[] {
  return splitSecrets(readVariable("HOOKS_GITLAB_TOKEN", world) ?? "");
}

/** @param transport how requests to GitLab travel */
export async function gitlabDiagnoses(
  place: GitLabPlace,
  world: CliWorld,
  transport: Transport,
): Promise<readonly Diagnosis[]> {
  if (place.gitlabUrl === null || !URL.canParse(place.gitlabUrl))
    return [skip("gitlab", "its address is not known: set --gitlab-url (HOOKS_GITLAB_URL)")];
  const url = new URL(place.gitlabUrl);
  const reached = await reach({ subject: "gitlab", url }, world.env, world.clock.now());
  if (reached.status === "fail") return [reached];
  const tokens = gitlabTokens(world);
  if (tokens.length === 0)
    return [
      reached,
      skip("gitlab token", "there is none: set HOOKS_GITLAB_TOKEN or HOOKS_GITLAB_TOKEN_FILE"),
    ];
  const looked = await Promise.all(
    tokens.map((token, index) =>
      tokenDiagnoses(
        { token, url, subject: tokens.length === 1 ? "gitlab token" : `gitlab token ${index + 1}` },
        world,
        transport,
      ),
    ),
  );
  return [reached, ...looked.flat()];
}

interface AskedToken {
  readonly token: string;
  readonly url: URL;
  readonly subject: string;
}

async function tokenDiagnoses(
  { token, url, subject }: AskedToken,
  world: CliWorld,
  transport: Transport,
): Promise<readonly Diagnosis[]> {
  const renew =
    "make a new one with the scope api (Group > Settings > Access tokens) and set HOOKS_GITLAB_TOKEN";
  try {
    const answer = await transport(
      new URL(`${url.href.replace(/\/{1,9}$/, "")}/api/v4/personal_access_tokens/self`),
      {
        method: "GET",
        headers: { "private-token": token },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      },
    );
    const clock = clockDiagnoses("clock of gitlab", answer.headers["date"] ?? null, world).filter(
      ({ status }) => status !== "ok",
    );
    if (answer.status === 401)
      return [fail(subject, "GitLab refuses it: wrong, expired or revoked", renew), ...clock];
    if (answer.status === 404)
      return [skip(subject, "this GitLab does not tell what a token may do"), ...clock];
    if (answer.status !== 200)
      return [
        fail(
          subject,
          `GitLab answers ${answer.status} when asked about it`,
          "check the address of GitLab, and the proxy in front of it",
        ),
        ...clock,
      ];
    return [
      tokenDiagnosis(subject, JSON.parse(answer.text) as unknown, { now: world.clock.now(), renew }),
      ...clock,
    ];
  } catch (error) {
    return [
      fail(
        subject,
        `GitLab could not be asked about it: ${messageOf(error)}`,
        "check the address of GitLab and the proxy variables",
      ),
    ];
  }
}

function tokenDiagnosis(
  subject: string,
  body: unknown,
  { now, renew }: { readonly now: number; readonly renew: string },
): Diagnosis {
  const { scopes, expires_at: end, active } = object(body);
  const has = Array.isArray(scopes) ? scopes.map(String) : [];
  const name = text(object(body)["name"]);
  const called = name === null ? "" : `"${name}" `;
  if (active === false) return fail(subject, `${called}is expired or revoked`, renew);
  if (!has.includes("api"))
    return fail(subject, `${called}has the scopes ${has.join(", ") || "(none)"}; hooks need api`, renew);
  const expires = typeof end === "string" ? Date.parse(end) : Number.NaN;
  if (Number.isNaN(expires)) return ok(subject, `${called}is valid, has the scope api and does not expire`);
  const days = Math.floor((expires - now) / DAY_MS);
  const until = `${called}expires on ${String(end)}`;
  return days < EXPIRY_DAYS
    ? warn(subject, `${until}, in ${days} days`, `rotate it, or ${renew}`)
    : ok(subject, `is valid and has the scope api; ${until}`);
}

/** The hooks of the group, by the installer's own plan: a dry run of `install`. */
export async function hooksDiagnoses(
  place: GitLabPlace,
  world: CliWorld,
  transport: Transport,
): Promise<readonly Diagnosis[]> {
  const subject = "hooks";
  const { gitlabUrl, group, hookUrl } = place;
  if (gitlabUrl === null || group === null || hookUrl === null || gitlabTokens(world).length === 0)
    return [
      skip(
        subject,
        "set --gitlab-url, --group, --hook-url (HOOKS_GITLAB_URL, HOOKS_GROUP, HOOKS_URL) and HOOKS_GITLAB_TOKEN to have the group's hooks looked at",
      ),
    ];
  const { runCli } = await import("../../component/cli/cli.ts");
  let stdout = "";
  let stderr = "";
  const status = await runCli({
    argv: [
      "install",
      "--dry-run",
      "--output",
      "json",
      "--gitlab-url",
      gitlabUrl,
      "--group",
      group,
      "--url",
      hookUrl,
    ],
    env: {
      ...world.env,
      HOOKS_REPORT_DIR: "",
      HOOKS_STATE_FILE: "",
      HOOKS_FAIL_ON_DRIFT: "",
      HOOKS_DRY_RUN: "",
    },
    version: world.version,
    clock: world.clock,
    random: world.random,
    transport,
    files: { read: async () => null, write: async () => {} },
    readFile: world.readFile,
    stdout: (chunk) => (stdout += chunk),
    stderr: (chunk) => (stderr += chunk),
    onSecrets: () => {},
    onEnd: (stop) => world.ended.addEventListener("abort", stop, { once: true }),
  });
  if (stdout === "") {
    const [reason = `the plan ended with ${status}`] = stderr.trim().split("\n");
    return [fail(subject, reason, "correct it; gitlab-hook-relay install --dry-run shows the same")];
  }
  const trouble = /^! (.+)$/m.exec(stderr)?.[1] ?? "the plan ended early";
  return planDiagnoses(subject, JSON.parse(stdout) as InstallReport, trouble);
}

/** @param trouble what ended the plan, if nothing says by which limit */
export function planDiagnoses(
  subject: string,
  { summary, results, level, complete, stoppedBy }: InstallReport,
  trouble: string,
): readonly Diagnosis[] {
  const { projects, created, updated, removed, unchanged, failed } = summary;
  const where = level === "group" ? "on the group" : `in ${projects} projects`;
  const findings = results
    .filter(({ action }) => action === "fail")
    .slice(0, 5)
    .map(({ path, reason }) =>
      fail(
        subject,
        `${path}: ${reason ?? "cannot be looked at"}`,
        "give the token's user the role that it needs, or exclude the project",
      ),
    );
  if (failed > findings.length)
    findings.push(
      fail(
        subject,
        `${failed - findings.length} more fail`,
        "gitlab-hook-relay install --dry-run lists them",
      ),
    );
  if (!complete && stoppedBy === null)
    findings.push(fail(subject, trouble, "correct it; gitlab-hook-relay install --dry-run shows the same"));
  else if (!complete)
    findings.push(warn(subject, "the plan stopped early, at a limit of GitLab", "run it again later"));
  if (created + updated + removed > 0)
    findings.push(
      warn(
        subject,
        `not as wanted ${where}: ${created} missing, ${updated} different, ${removed} too many`,
        "gitlab-hook-relay install puts them right; --dry-run shows each change",
      ),
    );
  return findings.length > 0 ? findings : [ok(subject, `as wanted ${where} (${unchanged} looked at)`)];
}
