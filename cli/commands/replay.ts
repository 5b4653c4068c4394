/** `replay`: has stored events delivered again. */
import { STATUS, UsageError, type CommandSpec, type Given } from "../command.ts";
import { FILTERS, filterParameters } from "../filters.ts";
import { printJson, wantsText } from "../output.ts";
import { API_OPTIONS, OUTPUT_OPTION, relayApi, type RelayApi } from "../relay-api.ts";
import type { CliWorld } from "../world.ts";

export const replay: CommandSpec = {
  name: "replay",
  group: "Operating",
  summary: "deliver stored events again",
  details:
    "By ids, or every event that fits the filters, oldest first, at most 10,000 a call. Without --to, filters replay only the deliveries that failed, to the targets that failed.",
  args: [{ name: "id", description: "ids of events", isList: true }],
  options: [
    ...FILTERS,
    {
      name: "--to",
      value: "TARGET",
      description: "target that gets them, instead of those above; may be given several times",
      isList: true,
    },
    { name: "--dry-run", value: null, description: "with filters: only say how many events it would be" },
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
      command: "gitlab-hook-relay replay 01m8zk4v9w2q7t5c3x1b6n0hfd --to ci-bot",
      what: "one event, to one target",
    },
  ],
  async run(given, world) {
    const api = relayApi(given, world);
    const filters = filterParameters(given, world.clock.now());
    const { args } = given;
    if (args.length > 0 && filters.size > 0) throw new UsageError("give ids or filters, not both");
    if (args.length > 0 && given.flag("--dry-run"))
      throw new UsageError("--dry-run goes with filters, not with ids");
    if (args.length === 0 && filters.size === 0)
      throw new UsageError("say which events: ids, or filters such as --state dead (all dead letters)");
    return args.length > 0 ? await byId(given, api, world) : await byFilter(given, filters, { api, world });
  },
};

async function byId(given: Given, api: RelayApi, world: CliWorld): Promise<number> {
  const targets = given.list("--to");
  const replayed = [];
  for (const id of given.args) {
    const body = targets.length === 0 ? {} : { targets };
    replayed.push(
      await api.json<{ readonly id: string; readonly targets: readonly string[] }>(
        `events/${encodeURIComponent(id)}/replay`,
        { method: "POST", body },
      ),
    );
  }
  if (wantsText(given, world)) {
    for (const { id, targets: to } of replayed)
      world.stdout(
        `${id} -> ${to.length === 0 ? "no target: it was matched with none, name one with --to" : to.join(", ")}\n`,
      );
  } else printJson({ replayed }, world);
  return STATUS.done;
}

type Answer = { readonly more: boolean; readonly replayed?: number; readonly wouldReplay?: number };

async function byFilter(
  given: Given,
  filters: ReadonlyMap<string, string>,
  { api, world }: { readonly api: RelayApi; readonly world: CliWorld },
): Promise<number> {
  const targets = given.list("--to");
  const body = {
    ...Object.fromEntries(filters),
    ...(targets.length === 0 ? {} : { targets }),
    ...(given.flag("--dry-run") ? { dryRun: true } : {}),
  };
  const answer = await api.json<Answer>("events/replay", { method: "POST", body });
  if (wantsText(given, world)) {
    const count = answer.replayed ?? answer.wouldReplay ?? 0;
    const events = `${count} ${count === 1 ? "event" : "events"}`;
    const done = answer.replayed === undefined ? `${events} would be replayed` : `${events} replayed`;
    world.stdout(`${done}${answer.more ? "; there are more: repeat the command" : ""}.\n`);
  } else printJson(answer, world);
  return STATUS.done;
}
