/**
 * What an answer that is no success means, and an exchange that brought none: who refused (GitLab, something in front of it, a
 * proxy, a certificate), whether trying again may help, and what the operator can do. Pure.
 *
 * GitLab's API answers in JSON. A firewall, GitLab's own limiter of addresses, a log-in page or a wrong address answers in
 * something else; once GitLab has been heard under an address, such an answer means that this address is blocked now.
 */
import { UpstreamError, systemCode } from "../errors.ts";
import { oneLine } from "../one-line.ts";
import { retryAfterMs } from "../retry.ts";
import { serverTime } from "./tokens.ts";
import { AnswerTooLong } from "./round-trip.ts";
import { ProxyFailure } from "./transport.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed JSON, or the text if it is something else; null for an empty answer. */
  readonly body: unknown;
}

/** Failures that meet every request alike: a run that met one has no use for the next project. */
const OF_THE_RUN = new Set(["unauthorized", "no-gitlab", "certificate", "protocol"]);

/** Whether a failure concerns the way to GitLab or the tokens, and not what was asked. */
export function endsTheRun(error: UpstreamError): boolean {
  return OF_THE_RUN.has(error.code) || (error.code === "proxy" && !error.retryable);
}

/** What was asked, for messages. */
export interface AskedRequest {
  /** `GET /projects/12/hooks` */
  readonly what: string;
  readonly url: URL;
  /** How the operator names GitLab's address: an option or a setting. */
  readonly addressName: string;
}

const LONGEST_MESSAGE = 300;
const LONGEST_RETRY_MS = 10_000;

const CODES: ReadonlyMap<number, string> = new Map([
  [401, "unauthorized"],
  [403, "forbidden"],
  [404, "not-found"],
  [429, "throttled"],
]);

export function isJson({ headers }: Pick<Answer, "headers">): boolean {
  return /\bjson\b/i.test(headers["content-type"] ?? "");
}

/** Whether a token is refused for want of a scope. Tokens with fine-grained rights say so per endpoint: not meant. */
export function lacksScope({ status, body }: Answer): boolean {
  return status === 403 && typeof body === "object" && (body as Body | null)?.error === "insufficient_scope";
}

interface Body {
  readonly message?: unknown;
  readonly error?: unknown;
  readonly error_description?: unknown;
}

/**
 * Why something in front of GitLab blocks this address; null: it does not, as far as this answer tells.
 * @param heard hosts under which GitLab has answered before
 */
export function blockedBy(asked: AskedRequest, answer: Answer, heard: ReadonlySet<string>): string | null {
  const { status } = answer;
  if (isJson(answer) || status === 429 || status >= 500 || status === 204 || movedTo(answer) !== null)
    return null;
  if (status >= 200 && status < 300 && answer.body === null) return null;
  if (status !== 403 && !heard.has(asked.url.host)) return null;
  const said = titleOf(answer.body);
  const page = said === "" ? "an answer that is not GitLab's" : `"${said}", which is not GitLab's answer`;
  return `${asked.url.host} answered ${asked.what} with ${status} and ${page}: a firewall, a log-in page or GitLab's rate limiter blocks this address; wait, or have the address of this job allowed there`;
}

/** The refusal as an error. @param now wall clock, milliseconds; @param mask takes secrets out of texts from outside */
export function refusalOf(
  asked: AskedRequest,
  answer: Answer,
  { mask, now }: { readonly mask: (text: string) => string; readonly now: number },
): UpstreamError {
  const { status } = answer;
  const misdirected = misdirectionOf(asked, answer);
  if (misdirected !== null) return misdirected;
  const words = oneLine(mask(wordsOf(answer.body).slice(0, 4 * LONGEST_MESSAGE))).slice(0, LONGEST_MESSAGE);
  const said = words.startsWith(String(status)) ? words : `${status} ${words}`.trim();
  const retryable = status >= 500 || status === 408;
  const wait = retryAfterMs(answer.headers["retry-after"], serverTime(answer.headers, now));
  const code = CODES.get(status) ?? (retryable ? "unavailable" : "invalid");
  return new UpstreamError(code, `${asked.what}: ${said}`, {
    status,
    retryable,
    ...(wait === null ? {} : { retryAfterMs: Math.min(wait, LONGEST_RETRY_MS) }),
  });
}

/** Where a wrong address of GitLab shows: a redirect, a page, a "not found" that is not GitLab's. */
export function misdirectionOf(asked: AskedRequest, answer: Answer): UpstreamError | null {
  const { status } = answer;
  const { what, url, addressName } = asked;
  const failed = (code: string, message: string): UpstreamError =>
    new UpstreamError(code, oneLine(message), { status, retryable: false });
  if (status >= 300 && status < 400) {
    const moved = movedTo(answer);
    if (moved !== null)
      return failed("redirect", `${what}: GitLab says that it moved to ${moved}: use its new path`);
    const cure = rootIn(url, answer) ?? "check that it is the address that GitLab answers on, https included";
    return failed(
      "redirect",
      `${what}: answered with a redirect (${status}), which is not followed; ${addressName}: ${cure}`,
    );
  }
  if (isJson(answer)) return null;
  const page = titleOf(answer.body);
  const shown = page === "" ? "" : `, "${page}"`;
  if (status === 404) {
    return failed(
      "no-gitlab",
      `no GitLab API at ${url.origin} (404${shown}): check ${addressName}, a relative root such as /gitlab included`,
    );
  }
  if (status >= 200 && status < 300) {
    return failed(
      "bad-answer",
      `${what}: answered with a page that is not GitLab's${shown}: is ${addressName} a GitLab instance, and does a log-in stand in front of it?`,
    );
  }
  return null;
}

/** GitLab's own redirect: a project that was renamed or transferred is answered under its number. */
function movedTo({ status, headers }: Answer): string | null {
  const location = headers["location"] ?? "";
  return status >= 300 && status < 400 && /\/api\/v4\/(projects|groups)\//.test(location)
    ? location.slice(0, LONGEST_MESSAGE)
    : null;
}

/** The address that a redirect of GitLab's pages gives away, such as a relative root or https. */
function rootIn(url: URL, { headers }: Answer): string | null {
  const location = headers["location"] ?? "";
  if (!URL.canParse(location, url.origin)) return null;
  const target = new URL(location, url.origin);
  const [, root = ""] = /^(.*?)\/(?:users\/sign_in|api\/v4\/)/.exec(target.pathname) ?? [];
  const instance = `${target.origin}${root}`;
  return target.origin === url.origin && root === "" ? null : `GitLab seems to be at ${instance}`;
}

/** GitLab's own words: `{"message": ...}`, `{"error": ...}` or plain text. */
function wordsOf(body: unknown): string {
  if (typeof body === "string") return isPage(body) ? titleOf(body) : body.trim();
  if (typeof body !== "object" || body === null) return "";
  const { message, error, error_description: description } = body as Body;
  const said = message ?? description ?? error ?? "";
  return typeof said === "string" ? said : JSON.stringify(said);
}

function isPage(text: string): boolean {
  return /^\s{0,100}<(!doctype|html|head|body|\?xml)/i.test(text.slice(0, 200));
}

/** The title of a page, or the beginning of a text, in one line. */
function titleOf(body: unknown): string {
  if (typeof body !== "string") return "";
  const beginning = body.slice(0, 4096);
  const text = isPage(body) ? (/<title[^>]{0,100}>([^<]{0,200})/i.exec(beginning)?.[1] ?? "") : beginning;
  return oneLine(text.trim()).slice(0, 80);
}

/** Words of OpenSSL and Node for a certificate that is not trusted, not valid, or another's. */
const CERTIFICATE =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT(_LOCALLY)?)|CERT_[A-Z_]+|ERR_TLS_CERT_ALTNAME_INVALID|HOSTNAME_MISMATCH|INVALID_CA|UND_ERR_PRX_TLS)$/;

/** What was spoken is not TLS, or TLS was spoken to something else. */
const OTHER_PROTOCOL = /^(EPROTO|ERR_SSL_[A-Z_]+|HPE_[A-Z_]+)$/;

/** No answer came. What was thrown is read here and dropped: it may carry the request, and with it the token. */
export function unanswered(
  asked: AskedRequest,
  thrown: unknown,
  timedOutAfterMs: number | null,
): UpstreamError {
  const { what, url, addressName } = asked;
  const final = (code: string, message: string): UpstreamError =>
    new UpstreamError(code, message, { retryable: false });
  if (timedOutAfterMs !== null) {
    return new UpstreamError("timeout", `${what}: no answer within ${timedOutAfterMs} ms`, {
      retryable: true,
    });
  }
  if (thrown instanceof AnswerTooLong) {
    return final(
      "bad-answer",
      `${what}: ${thrown.message}, so it is not GitLab's: is ${addressName} a GitLab instance?`,
    );
  }
  const code = thrown instanceof ProxyFailure ? thrown.code : systemCode(thrown);
  if (code !== null && CERTIFICATE.test(code)) {
    return final(
      "certificate",
      `${what}: the certificate of ${url.host} is not accepted (${code}): name the file with its authority's certificate in NODE_EXTRA_CA_CERTS, or correct ${addressName}`,
    );
  }
  if (thrown instanceof ProxyFailure) {
    const via = `the proxy ${thrown.proxy}`;
    if (thrown.status === 407) {
      return final(
        "proxy",
        `${what}: ${via} wants credentials (407): write them into the proxy variable, as http://user:password@host:port`,
      );
    }
    const retryable = thrown.status === null || thrown.status >= 500;
    const said = thrown.status === null ? (code ?? "connection failed") : `it answered ${thrown.status}`;
    const message = `${what}: no way to ${url.host} through ${via} (${said}): check HTTPS_PROXY, HTTP_PROXY and NO_PROXY`;
    return new UpstreamError("proxy", message, { retryable });
  }
  if (code !== null && OTHER_PROTOCOL.test(code)) {
    const other = url.protocol === "https:" ? "http" : "https";
    return final(
      "protocol",
      `${what}: ${url.host} does not speak ${url.protocol.slice(0, -1)} (${code}): try ${addressName} with ${other}://`,
    );
  }
  const said = code ?? "connection failed";
  return new UpstreamError("network", `${what}: no connection to ${url.host} (${said})`, { retryable: true });
}
