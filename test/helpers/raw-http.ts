/** HTTP as bytes on a socket, for what proper clients would never send. */
import { connect, type Socket } from "node:net";

export interface RawClient {
  readonly socket: Socket;
  /** What has come in so far. */
  text(): string;
  write(data: string | Uint8Array): void;
  /** Writes and waits until the system took it; false where the other side has closed. */
  send(data: string | Uint8Array): Promise<boolean>;
  /** Resolves with all that came in, once it fits; rejects where the connection ends before. */
  receive(pattern: RegExp): Promise<string>;
  /** Resolves with all that came in, once the other side has closed. */
  ended(): Promise<string>;
  destroy(): void;
}

const open = new Set<Socket>();

/** Ends every connection that a test left; for afterEach. */
export function closeRawClients(): void {
  for (const socket of open) socket.destroy();
  open.clear();
}

/** @param options.allowHalfOpen leaves this side open when the other one has closed. @default false */
export async function rawClient(
  port: number,
  { allowHalfOpen = false }: { readonly allowHalfOpen?: boolean } = {},
): Promise<RawClient> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen });
  open.add(socket);
  let received = "";
  let isEnded = false;
  const listeners = new Set<() => void>();
  const changed = (): void => listeners.forEach((listener) => listener());
  socket.on("data", (chunk) => {
    received += chunk.toString("latin1");
    changed();
  });
  const end = (): void => {
    isEnded = true;
    changed();
  };
  socket.on("end", end);
  socket.on("close", end);
  // A reset shows as the end of what came in.
  socket.on("error", end);
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));

  const until = (isDone: () => boolean): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (isDone()) resolve(received);
        else if (isEnded) reject(new Error(`the connection ended after: ${received}`));
        else return;
        listeners.delete(look);
      };
      listeners.add(look);
      look();
    });

  return {
    socket,
    text: () => received,
    write: (data) => void socket.write(data),
    send: (data) =>
      new Promise((resolve) => {
        if (isEnded) resolve(false);
        else socket.write(data, (error) => resolve(error === undefined || error === null));
      }),
    receive: (pattern) => until(() => pattern.test(received)),
    ended: () => until(() => isEnded),
    destroy: () => socket.destroy(),
  };
}

/** A request's first lines. */
export function head(path: string, headers: Record<string, string | number>, version = "1.1"): string {
  const host = version === "1.1" ? "Host: relay\r\n" : "";
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${path} HTTP/${version}\r\n${host}${lines.join("")}\r\n`;
}
