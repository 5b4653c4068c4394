/** What the API answers to an error: which of them a caller can do something about, and how. */
import { UpstreamError, messageOf } from "../../../lib/errors.ts";
import type { Log } from "../../../lib/log.ts";
import { TargetExistsError, UnknownTargetError } from "../../queue/errors.ts";
import { ReplayStateError, TooManyReplaysError } from "../../replay/jobs.ts";
import { RefusalError, type Refusal } from "./answer.ts";
import { bad } from "./query.ts";

/** An error that nothing is known of leaves a line in the log. */
export function refusalOfError(error: Error, path: string, log: Log): Refusal {
  if (error instanceof RefusalError) return error.refusal;
  if (error instanceof UnknownTargetError) return bad(error.message).refusal;
  if (error instanceof TargetExistsError)
    return { status: 409, code: "target_exists", message: error.message };
  if (error instanceof ReplayStateError || error instanceof TooManyReplaysError)
    return { status: 409, code: error.code.replaceAll("-", "_"), message: error.message };
  if (error instanceof UpstreamError)
    return {
      status: 503,
      code: "unavailable",
      message: error.message,
      retryAfterSeconds: Math.ceil((error.retryAfterMs ?? 5000) / 1000),
    };
  log.error("admin.failed", { path, error: messageOf(error), stack: error.stack });
  return { status: 500, code: "internal", message: "the relay failed to answer; its log says why" };
}
