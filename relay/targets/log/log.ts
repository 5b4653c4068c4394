/** The target that writes one line per event to the relay's log: to see what comes in before anything is built on it. */
import type { Log } from "../../../lib/log.ts";
import type { AttemptResult, Target } from "../../delivery/port.ts";

const TAKEN: AttemptResult = {
  verdict: "done",
  status: null,
  error: null,
  excerpt: null,
  retryAfterSeconds: null,
};

export function createLogTarget(log: Log): Target {
  return {
    send({ meta, attempt }) {
      log.info("target.event", {
        eventId: meta.id,
        attempt,
        kind: meta.kind,
        action: meta.action,
        project: meta.projectPath ?? meta.projectId,
        ref: meta.ref,
        actor: meta.actor,
        bytes: meta.bodyBytes,
      });
      return Promise.resolve(TAKEN);
    },
    close: () => Promise.resolve(),
  };
}
