/** `doctor`: looks at everything that has to be right, and says what is wrong and what cures it. */
import { createTransport } from "../../lib/gitlab/transport.ts";
import { messageOf } from "../../lib/errors.ts";
import { createSecrets, type Secrets } from "../../lib/log.ts";
import { proxyFor, proxyProblems, proxySecrets } from "../../lib/proxy.ts";
import { readVariable } from "../../lib/env.ts";
import { STATUS, UsageError, type CommandSpec, type Given } from "../command.ts";
import { fail, findingsText, ok, type Diagnosis } from "../doctor/diagnosis.ts";
import { gitlabDiagnoses, gitlabTokens, hooksDiagnoses, type GitLabPlace } from "../doctor/gitlab.ts";
import { hookUrlDiagnoses } from "../doctor/hook-url.ts";
import { settingsDiagnoses, storageDiagnoses, targetDiagnoses } from "../doctor/relay-settings.ts";
import { relayDiagnoses } from "../doctor/running-relay.ts";
import { printJson, wantsText } from "../output.ts";
import { API_OPTIONS, OUTPUT_OPTION, relayPlace } from "../relay-api.ts";
import { plain } from "../text-table.ts";
import type { CliWorld } from "../world.ts";

export const doctor: CommandSpec = {
  name: "doctor",
  group: "Operating",
  summary: "find what is wrong with settings, storage, targets, GitLab, tokens and hooks",
  details:
    "Changes nothing: it reads settings, makes connections, asks the running relay and GitLab, and plans what the installer would do. What it is not told about it leaves out and says so. No secret is in its output, which may go into a ticket.",
  options: [
    {
      name: "--config",
      value: "FILE",
      env: "RELAY_CONFIG",
      description: "settings of the relay; default ./relay.yaml if it exists",
    },
    { name: "--gitlab-url", value: "URL", env: "HOOKS_GITLAB_URL", description: "address of GitLab" },
    {
      name: "--group",
      value: "GROUP",
      env: "HOOKS_GROUP",
      description: "group whose hooks are looked at; its token is HOOKS_GITLAB_TOKEN",
    },
    {
      name: "--hook-url",
      value: "URL",
      env: "HOOKS_URL",
      description: "address that hooks call, as given to install --url",
    },
    { name: "--json", value: null, description: "the same as --output json" },
    OUTPUT_OPTION,
    ...API_OPTIONS,
  ],
  examples: [
    { command: "gitlab-hook-relay doctor", what: "on the relay's machine, with the relay's environment" },
    {
      command:
        "gitlab-hook-relay doctor --gitlab-url https://gitlab.example.com --group acme --hook-url https://hooks.acme.dev/webhooks/gitlab --json",
      what: "with the hooks of a group, for a program",
    },
  ],
  exits: [
    [0, "nothing failed; there may be something to look at"],
    [1, "something failed"],
    [2, "wrong options"],
  ],
  async run(given, world) {
    const secrets = createSecrets();
    const findings = await examine(given, world, secrets);
    const shown = findings.map((finding) => masked(finding, secrets));
    const failed = findings.some(({ status }) => status === "fail");
    if (wantsText(given, world) && !given.flag("--json")) world.stdout(findingsText(shown));
    else printJson({ ok: !failed, version: world.version, findings: shown }, world);
    return failed ? STATUS.failed : STATUS.done;
  },
};

async function examine(given: Given, world: CliWorld, secrets: Secrets): Promise<Diagnosis[]> {
  const place = placeOf(given, world);
  const { url, token } = relayPlace(given, world);
  secrets.add([...proxySecrets(world.env), ...(token === null ? [] : [token])]);
  try {
    secrets.add(gitlabTokens(world));
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
  for (const name of [
    "GITLAB_WEBHOOK_SECRET",
    "GITLAB_WEBHOOK_SIGNING_TOKEN",
    "GITLAB_WEBHOOK_MASTER_SECRET",
  ])
    secrets.add((world.env[name] ?? "").split(",").map((value) => value.trim()));
  const transport = createTransport(world.env);
  const settings = await settingsDiagnoses(given.text("--config") ?? null, world, secrets);
  const { config } = settings;
  return [
    ok("program", `gitlab-hook-relay ${world.version}`),
    ...settings.findings,
    ...(config === null ? [] : await storageDiagnoses(config, world)),
    ...(config === null ? [] : await targetDiagnoses(config, world)),
    ...(await relayDiagnoses({ url, token, isAsked: isRelayNamed(given, world) }, world)),
    ...proxyDiagnoses(world, place),
    ...(await hookUrlDiagnoses(place.hookUrl, world, transport)),
    ...(await gitlabDiagnoses(place, world, transport)),
    ...(await hooksDiagnoses(place, world, transport)),
  ];
}

function isRelayNamed(given: Given, { env }: CliWorld): boolean {
  return given.text("--url") !== undefined || (env["RELAY_URL"] ?? "") !== "";
}

/** @throws UsageError */
function placeOf(given: Given, world: CliWorld): GitLabPlace {
  const read = (option: string, variable: string): string | null => {
    try {
      return given.text(option) ?? readVariable(variable, world) ?? null;
    } catch (error) {
      throw new UsageError(messageOf(error));
    }
  };
  const hookUrl = read("--hook-url", "HOOKS_URL");
  const gitlabUrl = read("--gitlab-url", "HOOKS_GITLAB_URL") ?? world.env["CI_SERVER_URL"] ?? null;
  for (const [option, url] of [
    ["--hook-url", hookUrl],
    ["--gitlab-url", gitlabUrl],
  ] as const)
    if (url !== null && (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)))
      throw new UsageError(`${option} must be an http or https address`);
  return { gitlabUrl, group: read("--group", "HOOKS_GROUP"), hookUrl };
}

function proxyDiagnoses({ env }: CliWorld, { gitlabUrl }: GitLabPlace): readonly Diagnosis[] {
  const problems = proxyProblems(env);
  if (problems.length > 0)
    return problems.map(({ path, message }) =>
      fail("proxy", `${path}: ${message}`, "write it as http://host:port, or remove it"),
    );
  const proxy = gitlabUrl === null ? null : proxyFor(new URL(gitlabUrl), env);
  return proxy === null ? [] : [ok("proxy", `GitLab is reached through ${proxy.shown}`)];
}

function masked(finding: Diagnosis, secrets: Secrets): Diagnosis {
  const clean = (text: string): string => plain(secrets.mask(text));
  return {
    ...finding,
    subject: clean(finding.subject),
    text: clean(finding.text),
    cure: finding.cure === null ? null : clean(finding.cure),
  };
}
