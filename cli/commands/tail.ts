/** `tail`: shows the events of a running relay as they come, and hands them to a program on the developer's machine. */
import { shownUrl } from "../../lib/log.ts";
import type { TailedEvent } from "../answers.ts";
import { STATUS, UsageError, type CommandSpec, type Given } from "../command.ts";
import { EVENT_FILTERS, filterParameters } from "../filters.ts";
import { wantsText } from "../output.ts";
import { Poster, type Posted } from "../post.ts";
import { API_OPTIONS, OUTPUT_OPTION, relayApi } from "../relay-api.ts";
import { Tail, type TailDeps } from "../tail/tail.ts";
import { plain } from "../text-table.ts";
import { countOption } from "../count-option.ts";
import { answerText } from "./send.ts";

/** Longest --timeout. */
const LONGEST_SECONDS = 86_400;

export const tail: CommandSpec = {
  name: "tail",
  group: "Developing",
  summary: "follow the events of a running relay, and hand them to a local program",
  details:
    "With --to each event is posted there with the bytes, headers and ids that a target would get, one after another, and the answer is shown beside it. Nothing changes in the relay, and no public address is needed. Contact that is lost is taken up again without losing or repeating an event.",
  options: [
    {
      name: "--to",
      value: "URL",
      description: "address of the local program, such as http://localhost:3000",
    },
    ...EVENT_FILTERS,
    {
      name: "--after",
      value: "ID",
      description: "begin behind this event, such as the last one of an earlier run",
    },
    { name: "--limit", value: "NUMBER", description: "end after that many events" },
    {
      name: "--timeout",
      value: "SECONDS",
      description: "longest time that the local program gets for its answer; default 30",
    },
    OUTPUT_OPTION,
    ...API_OPTIONS,
  ],
  examples: [
    {
      command: "gitlab-hook-relay tail --to http://localhost:3000/hooks --url https://hooks.acme.dev",
      what: "real webhooks for the program that you are writing",
    },
    {
      command: "gitlab-hook-relay tail --project acme/shop --kind merge_request --since 1h",
      what: "show the last hour's merge requests of one project, then what comes",
    },
  ],
  exits: [
    [0, "ended by Ctrl+C, or after --limit events"],
    [1, "the relay cannot be reached or refuses"],
    [2, "wrong options"],
  ],
  async run(given, world) {
    const api = relayApi(given, world);
    const to = localAddress(given);
    const limit = countOption(given, "--limit", 999_999_999) ?? Infinity;
    const timeoutMs = (countOption(given, "--timeout", LONGEST_SECONDS) ?? 30) * 1000;
    const filters = filterParameters(given, world.clock.now());
    const poster = new Poster(world.env, () => world.clock.monotonic());
    let count = 0;
    const following = new Tail({
      api,
      filters,
      ...startOf(given, filters),
      clock: world.clock,
      signal: world.ended,
      notice: (text) => world.stderr(`${text}\n`),
      wantsBodies: to !== null,
      async onEvent(event) {
        const posted = to === null ? null : await handOn(event, { poster, to, timeoutMs });
        world.stdout(lineOf(event, posted, wantsText(given, world)));
        count += 1;
        return count < limit;
      },
    });
    if (wantsText(given, world))
      world.stderr(`following ${api.url}${to === null ? "" : `, handing on to ${shownUrl(to.href)}`}\n`);
    try {
      await following.run();
    } finally {
      await poster.close();
    }
    return STATUS.done;
  },
};

/** @throws UsageError */
function localAddress(given: Given): URL | null {
  const text = given.text("--to");
  if (text === undefined) return null;
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new UsageError(`--to must be an http or https address, not "${text}"`);
  return new URL(text);
}

function startOf(given: Given, filters: ReadonlyMap<string, string>): Pick<TailDeps, "after"> {
  const after = given.text("--after");
  if (after !== undefined) return { after };
  return filters.has("from") ? { after: null } : {};
}

interface Way {
  readonly poster: Poster;
  readonly to: URL;
  readonly timeoutMs: number;
}

async function handOn(event: TailedEvent, { poster, to, timeoutMs }: Way): Promise<Posted> {
  const { headers = {}, body = "" } = event;
  return await poster.post({ url: to, headers, body: Buffer.from(body, "base64"), timeoutMs });
}

function lineOf({ id, receivedAt, summary }: TailedEvent, posted: Posted | null, isText: boolean): string {
  if (!isText) return `${JSON.stringify({ id, receivedAt, summary, answer: posted })}\n`;
  const answer = posted === null ? "" : `  -> ${answerText(posted)}`;
  return `${receivedAt.slice(11, 19)}  ${plain(summary)}${answer}\n`;
}
