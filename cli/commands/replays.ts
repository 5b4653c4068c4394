/** `replays`: the replay jobs of a running relay; shows, pauses, resumes and cancels them. */
import { replayJobAnswer, replayListAnswer, type ReplayAnswer } from "../answers.ts";
import { STATUS, UsageError, type CommandSpec } from "../command.ts";
import { printJson, shortTime, wantsText } from "../output.ts";
import { API_OPTIONS, OUTPUT_OPTION, relayApi } from "../relay-api.ts";
import { progressText } from "../replay-jobs.ts";
import { textTable } from "../text-table.ts";
import type { CliWorld } from "../world.ts";

export const replays: CommandSpec = {
  name: "replays",
  group: "Operating",
  summary: "show the replay jobs of a running relay; pause, resume or cancel them",
  details:
    "`replay` with filters starts one. What a job has queued goes out even if it is paused or cancelled.",
  args: [
    {
      name: "action",
      description: "what to do; without it: list them",
      choices: ["list", "show", "pause", "resume", "cancel"],
    },
    { name: "id", description: "of the job" },
  ],
  options: [OUTPUT_OPTION, ...API_OPTIONS],
  examples: [
    { command: "gitlab-hook-relay replays", what: "the newest first, with how far each is" },
    { command: "gitlab-hook-relay replays pause mh2k9x1c-4f0a2b6d1e", what: "queue nothing more for now" },
    { command: "gitlab-hook-relay replays cancel mh2k9x1c-4f0a2b6d1e", what: "end it" },
  ],
  async run(given, world) {
    const api = relayApi(given, world);
    const [action = "list", id] = given.args;
    const say = (value: unknown, text: string): number => {
      if (wantsText(given, world)) world.stdout(text);
      else printJson(value, world);
      return STATUS.done;
    };
    if (action === "list") {
      if (id !== undefined) throw new UsageError("replays list takes no id");
      const answer = await api.json("replays", replayListAnswer);
      return say(answer, listText(answer.replays, world));
    }
    if (id === undefined) throw new UsageError(`replays ${action} needs the id of a job`);
    const path = `replays/${encodeURIComponent(id)}`;
    const job =
      action === "show"
        ? await api.json(path, replayJobAnswer)
        : await api.json(`${path}/${action}`, replayJobAnswer, { method: "POST" });
    return say(job, `${job.matched.text}\n${progressText(job)}\n`);
  },
};

function listText(jobs: readonly ReplayAnswer[], world: CliWorld): string {
  if (jobs.length === 0) return "No replay job is kept.\n";
  const rows = jobs.map((job) => [
    shortTime(job.createdAt, world.clock.now()),
    job.id,
    job.createdBy,
    job.matched.text,
    progressText(job),
  ]);
  return textTable(["STARTED (UTC)", "ID", "BY", "WHAT", "STATE"], rows, world.columns);
}
