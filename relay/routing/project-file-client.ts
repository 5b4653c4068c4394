/** Reads `.gitlab-hook-relay.yml` over GitLab's API, with the ETag of what is known, so that an unchanged file costs no body. */
import { systemClock } from "../../lib/clock.ts";
import { UpstreamError } from "../../lib/errors.ts";
import { MAX_FILE_CHARACTERS, type FetchFile } from "./project-file.ts";

/** An answer that takes longer is none, in milliseconds. */
const TIMEOUT_MS = 10_000;
/** A token that is refused or used up is left alone for so long, in milliseconds. */
const REST_MS = 60_000;

export interface ProjectFileApi {
  /** Address of the GitLab. */
  readonly url: string;
  /** Tokens with read_api; the next one takes over when one is used up or refused. */
  readonly tokens: readonly string[];
}

/** @param now monotonic clock, milliseconds */
export function createFileFetcher(
  { url, tokens }: ProjectFileApi,
  fetchUrl: typeof fetch = fetch,
  now: () => number = () => systemClock.monotonic(),
): FetchFile {
  const restUntil = new Map<string, number>();
  const api = `${url.replace(/\/+$/, "")}/api/v4`;
  return async function fetchFile(projectId, path, etag) {
    const address = `${api}/projects/${projectId}/repository/files/${encodeURIComponent(path)}/raw?ref=HEAD`;
    for (const token of tokens.filter((t) => (restUntil.get(t) ?? 0) <= now())) {
      const response = await fetchUrl(address, {
        headers: { "private-token": token, ...(etag === null ? {} : { "if-none-match": etag }) },
        redirect: "manual",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (response.status === 304) return { type: "unchanged" };
      if (response.status === 200) {
        return { type: "found", text: await beginningOf(response), etag: response.headers.get("etag") };
      }
      await response.body?.cancel();
      if (response.status === 404) return { type: "missing" };
      if (response.status !== 401 && response.status !== 429) {
        throw new UpstreamError("gitlab", `GitLab answered ${response.status}`, { retryable: true });
      }
      restUntil.set(token, now() + REST_MS);
    }
    throw new UpstreamError("gitlab", "every token is refused or used up", { retryable: true });
  };
}

/** The text, or so much of it that it is seen to be too long. */
async function beginningOf(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > MAX_FILE_CHARACTERS) break;
  }
  return text + decoder.decode();
}
