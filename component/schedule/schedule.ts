/**
 * `schedule`: the project has exactly the pipeline schedule that runs the component. Found again by its description, changed
 * only where something differs, so that it may run as often as one likes. It says which right the token lacks where it lacks one.
 */
import { ConfigError, UpstreamError } from "../../lib/errors.ts";
import { endsTheRun } from "../../lib/gitlab/refusal.ts";
import type { InstallerConfig } from "../options/config.ts";
import type { GitLab, Schedule } from "../gitlab/client.ts";
import { changeText } from "../hooks/change-text.ts";
import type { Change } from "../hooks/plan.ts";

export interface ScheduleDeps {
  readonly config: InstallerConfig & {
    readonly gitlabUrl: string;
    readonly project: string;
    readonly ref: string;
  };
  readonly gitlab: Pick<GitLab, "schedules">;
  readonly say: (line: string) => void;
}

interface WantedSchedule {
  readonly description: string;
  readonly ref: string;
  readonly cron: string;
  readonly cron_timezone: string;
  readonly active: boolean;
  readonly inputs: ReadonlyMap<string, unknown>;
  readonly variables: ReadonlyMap<string, string>;
}

function pairs(lines: readonly string[]): [string, string][] {
  return lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]);
}

/** Inputs have types: what reads as a JSON number, boolean, array or string is sent as such, all else as text. */
function inputValue(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && !Array.isArray(value) ? text : value;
  } catch {
    return text;
  }
}

function wantedSchedule(config: ScheduleDeps["config"]): WantedSchedule {
  return {
    description: config.description,
    ref: config.ref,
    cron: config.cron,
    cron_timezone: config.cronTimezone,
    active: config.active,
    inputs: new Map(pairs(config.inputs).map(([name, value]) => [name, inputValue(value)])),
    variables: new Map(pairs(config.variables)),
  };
}

/** @returns exit status: 0; 1 if GitLab refused; 2 if it does not take a value. Throws ConfigError, RunStopped. */
export async function schedule(deps: ScheduleDeps): Promise<number> {
  const { config, say } = deps;
  let step: Step = "read";
  try {
    await apply(deps, wantedSchedule(config), (next) => {
      step = next;
    });
    return 0;
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    say(`! ${error.message} (${cureOf(error, step, config)})`);
    return error.code === "invalid" || endsTheRun(error) ? 2 : 1;
  }
}

type Step = "read" | "create" | "update" | "variables";

async function apply(deps: ScheduleDeps, wanted: WantedSchedule, enter: (step: Step) => void): Promise<void> {
  const { config, say } = deps;
  const api = deps.gitlab.schedules;
  const { project } = config;
  const found = (await api.list(project)).filter((s) => s["description"] === wanted.description);
  const [first, ...more] = found;
  for (const other of more) say(`schedule ${other.id} has the same description and is left alone`);
  let present = first === undefined ? null : await api.show(project, first.id);
  const ref = await resolvedRef(api, config, present?.["ref"]);
  const { description, cron, cron_timezone, active } = wanted;
  const inputs = [...wanted.inputs].map(([name, value]) => ({ name, value }));
  const body = { description, ref, cron, cron_timezone, active, ...(inputs.length > 0 ? { inputs } : {}) };
  if (present === null) {
    say(`+ create schedule ${JSON.stringify(description)}: ${cron} ${cron_timezone} on ${ref}`);
    if (config.dryRun) {
      say("GitLab checks --ref, --cron and --cron-timezone when it saves the schedule");
      return;
    }
    enter("create");
    present = await api.create(project, body);
  } else {
    const changes = differences({ ...wanted, ref }, present);
    say(
      changes.length === 0
        ? `= schedule ${present.id} is as wanted`
        : `~ update schedule ${present.id}: ${changes.map(changeText).join(", ")}`,
    );
    enter("update");
    if (changes.length > 0 && !config.dryRun) present = await api.edit(project, present.id, body);
  }
  if (inputs.length > 0 && !("inputs" in present)) {
    say("GitLab did not keep the inputs (they need version 18.1): give them as --variables instead");
  }
  enter("variables");
  const known = variablesOf(present);
  for (const [key, value] of wanted.variables) {
    if (known.get(key) === value) continue;
    say(`${known.has(key) ? "~ update" : "+ create"} variable ${key}`);
    if (!config.dryRun) await api.setVariable(project, present.id, { key, value, isNew: !known.has(key) });
  }
}

function variablesOf(present: Schedule): Map<string, string> {
  const listed = Array.isArray(present["variables"])
    ? (present["variables"] as { key: string; value: string }[])
    : [];
  return new Map(listed.map((v) => [v.key, v.value]));
}

function differences(wanted: WantedSchedule, present: Schedule): Change[] {
  const changes: Change[] = [];
  const compare = (attribute: string, from: unknown, to: string | boolean): void => {
    if (from !== to)
      changes.push({
        attribute,
        from: typeof from === "string" || typeof from === "boolean" ? from : null,
        to,
      });
  };
  const [presentRef, wantedRef] = [String(present["ref"]), wanted.ref];
  // Old versions answer with the short name, and say no more.
  const areFull = presentRef.startsWith("refs/") && wantedRef.startsWith("refs/");
  if (areFull) compare("ref", presentRef, wantedRef);
  else compare("ref", shortRef(presentRef), shortRef(wantedRef));
  compare("cron", present["cron"], wanted.cron);
  compare("cron_timezone", present["cron_timezone"], wanted.cron_timezone);
  compare("active", present["active"], wanted.active);
  if (Array.isArray(present["inputs"])) {
    const known = new Map(
      (present["inputs"] as { name: string; value: unknown }[]).map((i) => [i.name, i.value]),
    );
    for (const [name, value] of wanted.inputs) {
      const from = JSON.stringify(known.get(name));
      compare(`input ${name}`, from, JSON.stringify(value));
    }
  }
  return changes;
}

function shortRef(ref: string): string {
  return ref.replace(/^refs\/(heads|tags)\//, "");
}

/**
 * `--ref` as GitLab keeps it. A short name that the schedule has already may be a branch there and a tag here: only the repository
 * tells, so it is asked. Throws ConfigError if both exist, as GitLab takes no ambiguous name.
 * @param present the schedule's ref; undefined: there is no schedule yet, and GitLab resolves the name itself
 */
async function resolvedRef(
  api: GitLab["schedules"],
  { project, ref }: ScheduleDeps["config"],
  present: unknown,
): Promise<string> {
  const isSame = typeof present === "string" && present.startsWith("refs/") && shortRef(present) === ref;
  if (!isSame) return ref;
  const isBranch = await api.hasRef(project, "branches", ref);
  if (isBranch && present === `refs/heads/${ref}`) return present;
  const isTag = await api.hasRef(project, "tags", ref);
  if (isBranch && isTag) {
    const message = `${ref} is a branch and a tag: write refs/heads/${ref} or refs/tags/${ref}`;
    throw new ConfigError([{ path: "--ref (HOOKS_REF)", message }]);
  }
  if (isBranch) return `refs/heads/${ref}`;
  return isTag ? `refs/tags/${ref}` : present;
}

function cureOf(error: UpstreamError, step: Step, config: ScheduleDeps["config"]): string {
  if (error.code === "unauthorized") {
    return "a personal, group or project access token with the scope `api` is needed: the job token reaches no schedules";
  }
  if (/insufficient_scope|higher privileges/i.test(error.message)) return "the token lacks the scope `api`";
  if (endsTheRun(error)) return "nothing was changed";
  if (error.code === "not-found")
    return `the token does not see the project ${config.project}: its user needs to be a member`;
  if (error.code !== "forbidden") return "check --ref, --cron, --cron-timezone and --inputs";
  switch (step) {
    case "read":
      return "the token's user needs at least the Reporter role in the project to see its schedules";
    case "create":
      return `the token's user needs the Developer role in the project and the right to run pipelines on ${config.ref} (on a protected branch: to merge or push there)`;
    case "update":
    case "variables":
      return "only the owner of a schedule may change it: use the owner's token, or take ownership first (a Maintainer can; the pipeline then runs as the new owner)";
    default:
      return step satisfies never;
  }
}
