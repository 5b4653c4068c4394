/** `targets`: how the targets of a running relay fare; pauses and resumes them, moves what is kept for one that is gone, and shows what one would get. */
import { counted, isMost } from "../../lib/numbers.ts";
import {
  movedAnswer,
  targetAnswer,
  targetListAnswer,
  targetPreviewAnswer,
  type TargetAnswer,
  type TargetListAnswer,
  type TargetPreviewAnswer,
} from "../answers.ts";
import { STATUS, UsageError, type CommandSpec, type Given } from "../command.ts";
import { printJson, wantsText } from "../output.ts";
import { API_OPTIONS, OUTPUT_OPTION, relayApi } from "../relay-api.ts";
import { plain, textTable } from "../text-table.ts";
import type { CliWorld } from "../world.ts";

export const targets: CommandSpec = {
  name: "targets",
  group: "Operating",
  summary: "show the targets of a running relay; pause, resume or move them, or preview what one would get",
  args: [
    {
      name: "action",
      description: "what to do; without it: list them",
      choices: ["list", "pause", "resume", "move", "preview"],
    },
    { name: "name", description: "of the target" },
    {
      name: "to",
      description: "for move: the target that gets what is kept for one that the settings no longer name",
    },
  ],
  options: [
    { name: "--event", value: "ID", description: "for preview: the stored event" },
    OUTPUT_OPTION,
    ...API_OPTIONS,
  ],
  examples: [
    { command: "gitlab-hook-relay targets", what: "state, backlog and last error of each target" },
    {
      command: "gitlab-hook-relay targets pause ci-bot",
      what: "keep its events waiting until it is resumed",
    },
    {
      command: "gitlab-hook-relay targets move old-bot ci-bot",
      what: "what was kept for old-bot goes to ci-bot",
    },
    {
      command: "gitlab-hook-relay targets preview ci-bot --event 01m8hka2z600y3dc59vvey26e7",
      what: "whether ci-bot would get the event, why not, and what would be sent",
    },
  ],
  async run(given, world) {
    const api = relayApi(given, world);
    const [action = "list", name, to] = given.args;
    refuseSurplus(given, action);
    const say = (value: unknown, text: string): number => {
      if (wantsText(given, world)) world.stdout(text);
      else printJson(value, world);
      return STATUS.done;
    };
    if (action === "list") {
      const answer = await api.json("targets", targetListAnswer);
      return say(answer, targetsText(answer, world));
    }
    if (name === undefined) throw new UsageError(`targets ${action} needs the name of a target`);
    const path = `targets/${encodeURIComponent(name)}/${action}`;
    if (action === "move") {
      if (to === undefined)
        throw new UsageError("targets move needs two names: from which target, and to which");
      const answer = await api.json(path, movedAnswer, { method: "POST", body: { to } });
      const said = say(answer, `${counted(answer.moved, "delivery")} moved from ${name} to ${to}.\n`);
      if (answer.moved > 0) return said;
      world.stderr(`nothing is kept for ${name}: targets lists the names for which there is something\n`);
      return STATUS.failed;
    }
    if (action === "preview") {
      const event = given.text("--event");
      if (event === undefined) throw new UsageError("targets preview needs --event ID");
      const answer = await api.json(path, targetPreviewAnswer, { method: "POST", body: { event } });
      return say(answer, previewText(answer));
    }
    const answer = await api.json(path, targetAnswer, { method: "POST" });
    return say(answer, `${name} is ${answer.paused ? "paused" : "resumed"}; ${answer.waiting} waiting.\n`);
  },
};

/** What an action would not look at was meant for something. */
function refuseSurplus(given: Given, action: string): void {
  const most = action === "list" ? 1 : action === "move" ? 3 : 2;
  if (given.args.length > most)
    throw new UsageError(`targets ${action} takes ${most === 1 ? "no name" : "one name"}`);
  if (given.text("--event") !== undefined && action !== "preview")
    throw new UsageError("--event goes with targets preview");
}

/** Headers and body as they would be sent, secrets masked. Texts of senders are shown line by line. */
function previewText({ target, event, gets, stoppedBy, request, error }: TargetPreviewAnswer): string {
  const verdict = gets
    ? [`${target} gets ${event}`]
    : [`${target} does not get ${event}:`, ...stoppedBy.map(({ rule, text }) => `  ${rule}: ${text}`)];
  const sent =
    request === null
      ? []
      : [
          "",
          request.to,
          ...Object.entries(request.headers).map(([name, value]) => `${name}: ${value}`),
          "",
          ...request.body.split("\n"),
        ];
  const trouble = error === null ? [] : ["", `It would become a dead letter: ${error}`];
  return [...verdict, ...sent, ...trouble].map((line) => `${plain(line)}\n`).join("");
}

function targetsText({ targets: found, orphans }: TargetListAnswer, world: CliWorld): string {
  if (found.length === 0 && orphans.length === 0)
    return "No target is configured: events are kept, but not delivered.\n";
  const rows = [
    ...found.map((target) => [
      target.name,
      stateOf(target),
      String(target.waiting + target.sending),
      String(target.dead),
      target.address ?? "",
      target.lastError?.text ?? "",
    ]),
    ...orphans.map(({ name, waiting, dead }) => [
      name,
      "not in the settings",
      String(waiting),
      String(dead),
      "",
      "",
    ]),
  ];
  return textTable(["TARGET", "STATE", "WAITING", "DEAD", "ADDRESS", "LAST ERROR"], rows, world.columns);
}

function stateOf(answer: TargetAnswer): string {
  const { paused, breaker, attemptsLastTenMinutes: attempts, failedLastTenMinutes: failed } = answer;
  if (paused) return "paused";
  if (breaker !== "closed") return `breaker ${breaker}`;
  if (isMost(failed, attempts)) return `${failed} of ${counted(attempts, "attempt")} failed`;
  const isOff = !answer.enabled && answer.waiting + answer.sending === 0;
  return isOff ? "switched off" : "delivering";
}
