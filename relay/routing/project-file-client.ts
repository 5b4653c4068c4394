/** Reads `.gitlab-hook-relay.yml` over GitLab's API, with the ETag of what is known, so that an unchanged file costs no body. */
import type { Clock } from "../../lib/clock.ts";
import { UpstreamError } from "../../lib/errors.ts";
import { createImpatientGate } from "../../lib/gitlab/impatient-gate.ts";
import { createRest } from "../../lib/gitlab/rest.ts";
import { createSender } from "../../lib/gitlab/sender.ts";
import { createTransport } from "../../lib/gitlab/transport.ts";
import { createSecrets } from "../../lib/log.ts";
import type { ProxyEnv } from "../../lib/proxy.ts";
import { MAX_FILE_CHARACTERS, type FetchFile } from "./project-file.ts";

/** An answer that takes longer is none, in milliseconds. */
const TIMEOUT_MS = 10_000;
/** Bytes of a file that are read: enough to see that it is too long, as a character has at most 4 in UTF-8. */
const CUT_AT = 4 * (MAX_FILE_CHARACTERS + 1);

export interface ProjectFileApi {
  /** Address of the GitLab. */
  readonly url: string;
  /** Tokens with read_api; the next one takes over when one is used up or refused. */
  readonly tokens: readonly string[];
}

/** Rejects with an UpstreamError if GitLab does not answer, refuses every token or has none that may ask now. */
export function createFileFetcher(
  { url, tokens }: ProjectFileApi,
  { clock, env }: { readonly clock: Clock; readonly env: ProxyEnv },
): FetchFile {
  const secrets = createSecrets();
  secrets.add(tokens);
  const send = createSender({
    transport: createTransport(env, { cutAt: CUT_AT }),
    clock,
    random: () => 0,
    budget: createImpatientGate(tokens, clock),
    mask: secrets.mask,
    attempts: 1,
    timeoutMs: TIMEOUT_MS,
    addressName: "projectFile.url",
  });
  const rest = createRest({ url, send });
  return async function fetchFile(projectId, path, etag) {
    const address = `/projects/${projectId}/repository/files/${encodeURIComponent(path)}/raw`;
    try {
      const known: Record<string, string> = etag === null ? {} : { "if-none-match": etag };
      const answer = await rest.file(address, { ref: "HEAD" }, known);
      if (answer.status === 304) return { type: "unchanged" };
      return { type: "found", text: String(answer.body), etag: answer.headers["etag"] ?? null };
    } catch (error) {
      if (error instanceof UpstreamError && error.code === "not-found") return { type: "missing" };
      throw error;
    }
  };
}
