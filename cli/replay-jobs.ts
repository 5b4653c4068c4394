/** Replay jobs as the commands know them: what the API says of one, in words, and waiting for its end. */
import { sleep } from "../lib/clock.ts";
import { counted, grouped } from "../lib/numbers.ts";
import { replayJobAnswer, type ReplayAnswer } from "./answers.ts";
import type { RelayApi } from "./relay-api.ts";
import type { CliWorld } from "./world.ts";

const POLL_MS = 500;
/** Goes to the beginning of the line and empties it. */
const AGAIN = "\r\u001b[2K";

/** "running: 12 of 16 deliveries delivered, 1 failed again, 3 to go". */
export function progressText({ state, progress, matched }: ReplayAnswer): string {
  const { delivered, failed, gone, open, remaining, cancelled } = progress;
  const all = delivered + failed + gone + open + remaining + cancelled;
  const least = matched.isWhole || state === "done" ? "" : "at least ";
  const parts = [
    `${grouped(delivered)} of ${least}${counted(all, "delivery")} delivered`,
    ...(failed > 0 ? [`${grouped(failed)} failed again`] : []),
    ...(gone > 0 ? [`${grouped(gone)} gone before their turn`] : []),
    ...(open + remaining > 0 ? [`${least}${grouped(open + remaining)} to go`] : []),
    ...(cancelled > 0 ? [`${least}${grouped(cancelled)} cancelled before their turn`] : []),
  ];
  return `${state}: ${parts.join(", ")}`;
}

/**
 * Resolves with the job once it has ended, or null if the program is asked to end before. A person sees how far it is.
 * Rejects with a RelayApiError.
 */
export async function replayEnd(
  first: ReplayAnswer,
  api: RelayApi,
  { world, isShown }: { readonly world: CliWorld; readonly isShown: boolean },
): Promise<ReplayAnswer | null> {
  const show = (text: string): void => {
    if (isShown) world.stdout(`${AGAIN}${text.slice(0, Math.max(1, world.columns - 1))}`);
  };
  let job = first;
  try {
    while (job.state === "running" || job.state === "paused") {
      show(progressText(job));
      await sleep(world.clock, POLL_MS, world.ended);
      const path = `replays/${encodeURIComponent(job.id)}`;
      job = await api.json(path, replayJobAnswer, { signal: world.ended });
    }
    return job;
  } catch (error) {
    if (!world.ended.aborted) throw error;
    return null;
  } finally {
    show("");
  }
}
