/** The admin API of a running relay: where it is, who asks, and what went wrong in words. */
import { isIP } from "node:net";
import type { z } from "zod";
import { messageOf, systemCode } from "../lib/errors.ts";
import { jsonOrNull, object } from "../lib/json.ts";
import { readVariable } from "../lib/env.ts";
import { UsageError, type Given, type OptionSpec } from "./command.ts";
import type { CliWorld } from "./world.ts";

export const DEFAULT_URL = "http://127.0.0.1:8080";

export const API_OPTIONS: readonly OptionSpec[] = [
  {
    name: "--url",
    value: "URL",
    env: "RELAY_URL",
    description: `address of the relay; default ${DEFAULT_URL}`,
  },
  {
    name: "--token",
    value: "TOKEN",
    env: "RELAY_ADMIN_TOKEN",
    description:
      "admin token; other users of the machine can see options, so prefer the variable or --token-file",
  },
  {
    name: "--token-file",
    value: "FILE",
    description: "file with the token; default for a relay on this machine: admin-token in its data folder",
  },
];

export const OUTPUT_OPTION: OptionSpec = {
  name: "--output",
  value: "FORMAT",
  description: "text is the default on a terminal, json elsewhere",
  choices: ["text", "json"],
};

/** An answer other than 2xx, or none. */
export class RelayApiError extends Error {
  override readonly name = "RelayApiError";
  /** Null: there was no answer. */
  readonly status: number | null;
  constructor(status: number | null, message: string) {
    super(message);
    this.status = status;
  }
}

export interface ApiRequest {
  readonly method?: "GET" | "POST";
  readonly query?: ReadonlyMap<string, string>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export class RelayApi {
  readonly url: string;
  readonly #token: string;
  readonly #fetch: typeof fetch;

  constructor(options: { readonly url: string; readonly token: string; readonly fetch: typeof fetch }) {
    this.url = options.url.replace(/\/{1,9}$/, "");
    this.#token = options.token;
    this.#fetch = options.fetch;
  }

  /** The parsed answer of a path below /api/v1, with all that it has. Rejects with a RelayApiError. */
  async json<Answer>(path: string, schema: z.ZodType<Answer>, request: ApiRequest = {}): Promise<Answer> {
    const answer = await this.send(path, request);
    return this.checked(jsonOrNull(await answer.text()), schema, answer.status);
  }

  /** The value itself if it is what the schema says. Throws a RelayApiError. */
  checked<Answer>(value: unknown, schema: z.ZodType<Answer>, status: number): Answer {
    const { success } = schema.safeParse(value);
    if (!success) throw new RelayApiError(status, this.#isNoRelay(status));
    return value as Answer;
  }

  /** The answer itself, which is 2xx. Rejects with a RelayApiError. */
  async send(path: string, request: ApiRequest = {}): Promise<Response> {
    const query = new URLSearchParams([...(request.query ?? [])]).toString();
    const answer = await this.#ask(`${this.url}/api/v1/${path}${query === "" ? "" : `?${query}`}`, request);
    if (answer.ok) return answer;
    throw new RelayApiError(answer.status, await this.#refusal(answer));
  }

  async #ask(url: string, { method = "GET", body, headers = {}, signal }: ApiRequest): Promise<Response> {
    try {
      return await this.#fetch(url, {
        method,
        redirect: "manual",
        headers: {
          authorization: `Bearer ${this.#token}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      if (signal?.aborted === true) throw error;
      throw new RelayApiError(
        null,
        `cannot reach the relay at ${this.url}: ${networkText(error)}; is it running, and is --url right?`,
      );
    }
  }

  async #refusal(answer: Response): Promise<string> {
    const text = await answer.text();
    const told = errorText(text);
    if (answer.status === 401)
      return `the relay at ${this.url} refuses the token; set RELAY_ADMIN_TOKEN or --token-file`;
    if (told !== null) return `the relay answers ${answer.status}: ${told}`;
    return this.#isNoRelay(answer.status);
  }

  #isNoRelay(status: number): string {
    return `${this.url} answers ${status} and does not speak as the relay does; is --url right?`;
  }
}

/** Throws a UsageError if there is no token or the URL is none. */
export function relayApi(given: Given, world: CliWorld): RelayApi {
  const { url, token } = relayPlace(given, world);
  if (token === null)
    throw new UsageError(
      "the admin token is missing: set RELAY_ADMIN_TOKEN, or --token-file to the admin-token in the relay's data folder",
    );
  return new RelayApi({ url, token, fetch: world.fetch });
}

/** Where the relay is, and the token for it; null: none is known. Throws a UsageError if the URL is none. */
export function relayPlace(
  given: Given,
  world: CliWorld,
): { readonly url: string; readonly token: string | null } {
  const url = given.text("--url") ?? world.env["RELAY_URL"] ?? DEFAULT_URL;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new UsageError(`--url (RELAY_URL) must be an http or https address, not "${url}"`);
  if (new URL(url).username !== "" || new URL(url).password !== "")
    throw new UsageError("--url (RELAY_URL) must not hold credentials; the token has an option of its own");
  const file = given.text("--token-file");
  const asked = given.text("--token") ?? (file === undefined ? fromEnvironment(world) : tokenIn(file, world));
  if (asked !== undefined && asked !== "") return { url, token: asked };
  const place = `${world.env["RELAY_DATA_DIR"] ?? "./data"}/admin-token`;
  return { url, token: isLoopback(url) ? readIfThere(place, world) : null };
}

function fromEnvironment({ env, readFile }: CliWorld): string | undefined {
  try {
    return readVariable("RELAY_ADMIN_TOKEN", { env, readFile });
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

function tokenIn(file: string, world: CliWorld): string {
  try {
    return world.readFile(file).trim();
  } catch (error) {
    throw new UsageError(`cannot read --token-file "${file}": ${messageOf(error)}`);
  }
}

function readIfThere(file: string, world: CliWorld): string | null {
  try {
    return world.readFile(file).trim();
  } catch (error) {
    if (systemCode(error) === null) throw error;
    return null;
  }
}

export function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return (
    hostname === "localhost" || hostname === "[::1]" || (isIP(hostname) === 4 && hostname.startsWith("127."))
  );
}

/** What a failed fetch is about; Node hides it in the cause. */
export function networkText(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const inner = cause instanceof AggregateError ? cause.errors[0] : cause;
  return messageOf(inner ?? error) || (systemCode(inner) ?? "no answer");
}

function errorText(text: string): string | null {
  const { message } = object(object(jsonOrNull(text))["error"]);
  return typeof message === "string" ? message : null;
}
