/** `events`: lists the events of a running relay, or shows one of them. */
import {
  eventDetailAnswer,
  eventPageAnswer,
  type EventDetailAnswer,
  type EventPageAnswer,
  type ListedEvent,
} from "../answers.ts";
import { STATUS, UsageError, type CommandSpec, type Given } from "../command.ts";
import { FILTERS, filterParameters } from "../filters.ts";
import { printJson, shortTime, wantsText } from "../output.ts";
import { API_OPTIONS, OUTPUT_OPTION, relayApi, type RelayApi } from "../relay-api.ts";
import { plain, textTable } from "../text-table.ts";
import { countOption } from "../count-option.ts";
import type { CliWorld } from "../world.ts";

export const events: CommandSpec = {
  name: "events",
  group: "Operating",
  summary: "list the events of a running relay, or show one",
  details:
    "Newest first. With an id: everything that is known of that event. An id is the event's own, or one that GitLab gave the delivery: webhook-id, Idempotency-Key, X-Gitlab-Event-UUID or X-Gitlab-Webhook-UUID.",
  args: [{ name: "id", description: "id of an event, or of its delivery at GitLab" }],
  options: [
    ...FILTERS,
    { name: "--limit", value: "NUMBER", description: "events to list; default 50" },
    { name: "--body", value: null, description: "with an id: print the body, as it was received" },
    OUTPUT_OPTION,
    ...API_OPTIONS,
  ],
  examples: [
    {
      command: "gitlab-hook-relay events --state dead --target ci-bot",
      what: "what could not be delivered to ci-bot",
    },
    {
      command: "gitlab-hook-relay events --project acme/shop --since 2h",
      what: "the last two hours of one project",
    },
    { command: "gitlab-hook-relay events 01m8zk4v9w2q7t5c3x1b6n0hfd --body", what: "the body of one event" },
  ],
  async run(given, world) {
    const api = relayApi(given, world);
    const [id] = given.args;
    const query = filterParameters(given, world.clock.now());
    const limit = countOption(given, "--limit", 999_999);
    if (id !== undefined) {
      if (query.size > 0 || limit !== undefined)
        throw new UsageError("filters and --limit go with the list, not with an id");
      return await showEvent(await ownId(api, id), given, { api, world });
    }
    if (given.flag("--body")) throw new UsageError("--body needs the id of an event");
    const found = await listEvents(api, query, limit ?? 50);
    if (wantsText(given, world)) world.stdout(eventsTable(found, world));
    else printJson(found, world);
    return STATUS.done;
  },
};

const MOST_PER_PAGE = 500;

/** Up to `limit` events, over as many pages as that takes. */
async function listEvents(
  api: RelayApi,
  filters: ReadonlyMap<string, string>,
  limit: number,
): Promise<EventPageAnswer> {
  const found: ListedEvent[] = [];
  let cursor: string | null = null;
  let partial = false;
  let looked = 0;
  do {
    const query = new Map([...filters, ["limit", String(Math.min(limit - found.length, MOST_PER_PAGE))]]);
    if (cursor !== null) query.set("cursor", cursor);
    const page: EventPageAnswer = await api.json("events", eventPageAnswer, { query });
    found.push(...page.events);
    ({ cursor, partial } = page);
    looked += page.looked;
  } while (cursor !== null && found.length < limit);
  return { events: found, cursor, partial, looked };
}

const CUT_SHORT = "The search was cut short; a narrower one, such as by --since, finds more.\n";

function eventsTable(page: EventPageAnswer, world: CliWorld): string {
  const { events: found, cursor, partial } = page;
  const isCut = partial && cursor === null;
  if (found.length === 0) return isCut ? CUT_SHORT : "No events match.\n";
  const rows = found.map((event) => [
    shortTime(event.receivedAt, world.clock.now()),
    event.id,
    event.state,
    standing(event).map(deliveryText).join(" "),
    event.summary,
  ]);
  const more = isCut ? CUT_SHORT : cursor === null ? "" : "There are more; raise --limit to see them.\n";
  return textTable(["TIME (UTC)", "ID", "STATE", "TARGETS", "EVENT"], rows, world.columns) + more;
}

/** The last delivery of each target, without those that another target's stand for. */
function standing({ deliveries }: ListedEvent): ListedEvent["deliveries"] {
  const isLast = ({ target, replay }: ListedEvent["deliveries"][number]): boolean =>
    !deliveries.some((other) => other.target === target && other.replay > replay);
  return deliveries.filter((delivery) => delivery.movedTo === null && isLast(delivery));
}

function deliveryText({ target, state, lastAttempt }: ListedEvent["deliveries"][number]): string {
  const status = state === "done" || lastAttempt === null ? "" : `(${lastAttempt.status ?? "no answer"})`;
  return `${target}:${state}${status}`;
}

const EVENT_ID = /^[0-9a-z]{26}$/;

/** The event's own id. Rejects with a UsageError if several deliveries have the given one. */
async function ownId(api: RelayApi, id: string): Promise<string> {
  const word = id.trim().toLowerCase();
  if (EVENT_ID.test(word)) return word;
  const query = new Map([
    ["q", id],
    ["limit", String(MOST_PER_PAGE)],
  ]);
  const { events: found, looked } = await api.json("events", eventPageAnswer, { query });
  // What was only searched for may have the word anywhere.
  if (looked > 0 || found.length === 0) return id;
  if (found.length === 1) return found[0]!.id;
  throw new UsageError(
    `${found.length} events have the id ${id}: ${found.map((event) => event.id).join(", ")}; name one of them`,
  );
}

async function showEvent(
  id: string,
  given: Given,
  { api, world }: { readonly api: RelayApi; readonly world: CliWorld },
): Promise<number> {
  const path = `events/${encodeURIComponent(id)}`;
  if (given.flag("--body")) {
    const answer = await api.send(`${path}/body`);
    world.stdout(new Uint8Array(await answer.arrayBuffer()));
    return STATUS.done;
  }
  const event = await api.json(path, eventDetailAnswer);
  if (!wantsText(given, world)) printJson(event, world);
  else world.stdout(eventText(event, world));
  return STATUS.done;
}

function eventText(event: EventDetailAnswer, world: CliWorld): string {
  const steps = event.timeline.map((step) => [
    step.at === null ? "" : shortTime(step.at, world.clock.now()),
    step.attempt === null ? step.name : `${step.name} ${step.attempt}`,
    step.target === null ? "" : `${step.target}${step.replay === 0 ? "" : ` (replay ${step.replay})`}`,
    whatHappened(step),
  ]);
  return [
    `${plain(event.summary)}\n`,
    `${event.id}  ${event.state}  received ${event.receivedAt}\n\n`,
    textTable(["HEADER", "VALUE"], event.headers, world.columns),
    "\n",
    textTable(["TIME (UTC)", "STEP", "TARGET", "WHAT"], steps, world.columns),
  ].join("");
}

/** "accepted (204)"; a failure has its status in its words. */
function whatHappened({ text, status }: EventDetailAnswer["timeline"][number]): string {
  return status === null || text.includes(String(status)) ? text : `${text} (${status})`;
}
