/** `replay`: has stored events delivered again. */
import {
  replayPreviewAnswer,
  replayedEventAnswer,
  startedReplayAnswer,
  type ReplayedEvent,
} from "../answers.ts";
import { STATUS, UsageError, type CommandSpec, type Given } from "../command.ts";
import { FILTERS, filterParameters } from "../filters.ts";
import { printJson, wantsText } from "../output.ts";
import { progressText, replayEnd } from "../replay-jobs.ts";
import { API_OPTIONS, OUTPUT_OPTION, RelayApiError, relayApi, type RelayApi } from "../relay-api.ts";
import { countOption } from "../count-option.ts";
import type { CliWorld } from "../world.ts";

/** As the API has it. */
const MAX_RATE = 10_000;
/** Options that a list of ids does not take. */
const OF_SETS = ["--dry-run", "--rate", "--wait", "--detach"];

export const replay: CommandSpec = {
  name: "replay",
  group: "Operating",
  summary: "deliver stored events again",
  details:
    "By ids, or as a replay job every event that fits the filters, oldest first, at the pace of the targets. Without --to, filters replay only the deliveries that failed, to the targets that failed. On a terminal it shows how far the job is until it has ended; the job goes on without it.",
  args: [{ name: "id", description: "ids of events", isList: true }],
  options: [
    ...FILTERS,
    {
      name: "--to",
      value: "TARGET",
      description: "target that gets them, instead of those above; may be given several times",
      isList: true,
    },
    { name: "--all", value: null, description: "in place of a filter: whatever is stored" },
    {
      name: "--rate",
      value: "NUMBER",
      description: "with filters: deliveries per second, at most; default: as fast as the targets take them",
    },
    {
      name: "--dry-run",
      value: null,
      description: "with filters: only say how many events and deliveries it would be",
    },
    {
      name: "--wait",
      value: null,
      description: "with filters: end with the job, with 1 unless all was delivered; default on a terminal",
    },
    { name: "--detach", value: null, description: "with filters: do not wait on a terminal either" },
    OUTPUT_OPTION,
    ...API_OPTIONS,
  ],
  examples: [
    {
      command: "gitlab-hook-relay replay --state dead --target ci-bot --dry-run",
      what: "how many dead letters of ci-bot there are to replay",
    },
    { command: "gitlab-hook-relay replay --state dead --target ci-bot", what: "deliver them" },
    {
      command: "gitlab-hook-relay replay --since 2h --to ci-bot --rate 20 --detach",
      what: "everything of two hours to one target, slowly, without waiting for it",
    },
    {
      command: "gitlab-hook-relay replay 01m8zk4v9w2q7t5c3x1b6n0hfd --to ci-bot",
      what: "one event, to one target",
    },
  ],
  async run(given, world) {
    const api = relayApi(given, world);
    const filters = filterParameters(given, world.clock.now());
    const { args } = given;
    const isSet = filters.size > 0 || given.flag("--all");
    if (args.length > 0 && isSet) throw new UsageError("give ids or filters, not both");
    const misplaced = OF_SETS.find((name) => given.flag(name) || given.text(name) !== undefined);
    if (args.length > 0 && misplaced !== undefined)
      throw new UsageError(`${misplaced} goes with filters, not with ids`);
    if (args.length === 0 && !isSet)
      throw new UsageError(
        "say which events: ids, filters such as --state dead (all dead letters), or --all",
      );
    if (given.flag("--wait") && given.flag("--detach"))
      throw new UsageError("give either --wait or --detach");
    return args.length > 0 ? await byId(given, api, world) : await byFilter(given, filters, { api, world });
  },
};

/** An event that is not there holds up no other; after any other refusal the rest is not tried, and named. */
async function byId(given: Given, api: RelayApi, world: CliWorld): Promise<number> {
  const targets = given.list("--to");
  const request = { method: "POST", body: targets.length === 0 ? {} : { targets } } as const;
  const replayed: ReplayedEvent[] = [];
  let isWhole = true;
  for (const [index, id] of given.args.entries()) {
    try {
      replayed.push(await api.json(`events/${encodeURIComponent(id)}/replay`, replayedEventAnswer, request));
    } catch (error) {
      if (!(error instanceof RelayApiError)) throw error;
      isWhole = false;
      if (error.status !== 404) {
        printReplayed(replayed, given, world);
        if (given.args.length > 1) world.stderr(`Not replayed: ${given.args.slice(index).join(" ")}\n`);
        throw error;
      }
      world.stderr(`${id}: ${error.message}\n`);
    }
  }
  printReplayed(replayed, given, world);
  return isWhole && replayed.every(({ targets: to }) => to.length > 0) ? STATUS.done : STATUS.failed;
}

function printReplayed(replayed: readonly ReplayedEvent[], given: Given, world: CliWorld): void {
  if (!wantsText(given, world)) printJson({ replayed }, world);
  else
    for (const { id, targets: to } of replayed)
      world.stdout(
        `${id} -> ${to.length === 0 ? "no target: it was matched with none, name one with --to" : to.join(", ")}\n`,
      );
}

async function byFilter(
  given: Given,
  filters: ReadonlyMap<string, string>,
  { api, world }: { readonly api: RelayApi; readonly world: CliWorld },
): Promise<number> {
  const targets = given.list("--to");
  const rate = countOption(given, "--rate", MAX_RATE);
  const isText = wantsText(given, world);
  const body = {
    ...Object.fromEntries(filters),
    ...(targets.length === 0 ? {} : { targets }),
    ...(given.flag("--all") ? { all: true } : {}),
    ...(rate === undefined ? {} : { rate }),
  };
  if (given.flag("--dry-run")) {
    const answer = await api.json("replays", replayPreviewAnswer, {
      method: "POST",
      body: { ...body, dryRun: true },
    });
    if (isText)
      world.stdout(
        answer.matched.isWhole && answer.matched.deliveries === 0
          ? nothingFits(filters, targets)
          : `${answer.matched.text} would be queued for replay.\n`,
      );
    else printJson(answer, world);
    return STATUS.done;
  }
  const job = await api.json("replays", startedReplayAnswer, { method: "POST", body });
  if (job.id === undefined) {
    if (isText) world.stdout(nothingFits(filters, targets));
    else printJson(job, world);
    return STATUS.done;
  }
  if (isText) world.stdout(`Replay job ${job.id}: ${job.matched.text}.\n`);
  const waits = given.flag("--wait") || (isText && world.isTerminal && !given.flag("--detach"));
  if (!waits) {
    if (isText) world.stdout(`Follow it with: gitlab-hook-relay replays show ${job.id}\n`);
    else printJson(job, world);
    return STATUS.done;
  }
  const ended = await replayEnd(job, api, { world, isShown: isText && world.isTerminal });
  if (ended === null) {
    world.stderr(`The job goes on. To end it: gitlab-hook-relay replays cancel ${job.id}\n`);
    return STATUS.done;
  }
  if (isText) world.stdout(`${progressText(ended)}.\n`);
  else printJson(ended, world);
  const { failed, gone } = ended.progress;
  return ended.state === "done" && failed + gone === 0 ? STATUS.done : STATUS.failed;
}

function nothingFits(filters: ReadonlyMap<string, string>, targets: readonly string[]): string {
  const isOfDead = targets.length === 0 && !filters.has("state");
  const hint = isOfDead ? "; without --to and --state, only dead letters are replayed" : "";
  return `No delivery fits, so nothing is replayed${hint}.\n`;
}
