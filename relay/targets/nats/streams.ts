/**
 * The adapter to the client of NATS. Its packages are loaded with the first connection, so that relays without such a target never load
 * them. The client neither reconnects nor buffers by itself: see nats.ts.
 */
import type { NatsConnection } from "@nats-io/transport-node";
import { messageOf } from "../../../lib/errors.ts";
import type { NatsCredentials } from "./credentials.ts";
import type { Message } from "./message.ts";
import type { NatsTargetSettings } from "./settings.ts";

export interface Stored {
  readonly stream: string;
  /** Place in the stream. */
  readonly seq: number;
  /** The stream had a message of this id. */
  readonly duplicate: boolean;
}

export interface Streams {
  /** Resolves once the message is stored. Rejects with an Error whose text is fit for an operator. */
  publish(message: Message, body: Uint8Array): Promise<Stored>;
  close(): Promise<void>;
}

/** The server will never take a message of this size. */
export class PayloadTooLargeError extends Error {
  override readonly name = "PayloadTooLargeError";
}

const CONNECT_MS = 5_000;
/** A server that does not answer pings for two of these is gone, in milliseconds. */
const PING_MS = 10_000;

/** @param onClosed the connection is gone, for whatever reason */
export async function openStreams(
  config: NatsTargetSettings,
  { tls, creds }: NatsCredentials,
  onClosed: () => void,
): Promise<Streams> {
  const transport = await import("@nats-io/transport-node");
  const { jetstream } = await import("@nats-io/jetstream");
  const { servers, user, password, token, stream } = config;
  let connection: NatsConnection;
  try {
    connection = await transport.connect({
      servers: [...servers],
      name: "gitlab-hook-relay",
      reconnect: false,
      timeout: CONNECT_MS,
      pingInterval: PING_MS,
      ...(user === undefined ? {} : { user, pass: password ?? "" }),
      ...(token === undefined ? {} : { token }),
      ...(creds === null ? {} : { authenticator: transport.credsAuthenticator(creds) }),
      ...(tls === null ? {} : { tls }),
    });
  } catch (error) {
    throw new Error(`cannot connect to ${shownServers(servers)}: ${wordsOf(error)}`, { cause: error });
  }
  void connection.closed().then(onClosed);
  const client = jetstream(connection);
  const timeout = config.timeoutSeconds * 1000;
  const expected = stream === undefined ? {} : { expect: { streamName: stream } };
  return {
    async publish({ subject, id, headers }, body) {
      const most = connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
      if (body.length > most) {
        throw new PayloadTooLargeError(
          `the event has ${body.length} bytes, and the server takes ${most}: raise its max_payload, and max_msg_size of the stream`,
        );
      }
      const named = transport.headers();
      for (const [name, value] of Object.entries(headers)) named.set(name, value.replace(/[\r\n]/g, " "));
      try {
        return await client.publish(subject, body, { msgID: id, headers: named, timeout, ...expected });
      } catch (error) {
        throw new Error(`${subject}: ${wordsOf(error)}`, { cause: error });
      }
    },
    close: () => connection.close(),
  };
}

/** Hosts and ports. */
export function shownServers(servers: readonly string[]): string {
  return servers.map((server) => new URL(server).host).join(", ");
}

/** The client's words, and better ones where these lead astray. */
function wordsOf(error: unknown): string {
  const { name } = error as Partial<Error>;
  switch (name) {
    case "JetStreamNotEnabled":
      return "no stream has this subject, or JetStream is off";
    case "TimeoutError":
      return "the stream did not acknowledge in time";
    case "ClosedConnectionError":
      return "the connection was lost before the stream acknowledged";
    default:
      return messageOf(error) || String(name);
  }
}
