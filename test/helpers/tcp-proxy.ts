/** A way to a server that a test can cut: at once, for good, or so that requests go through and answers do not come back. */
import { connect, createServer, type Socket } from "node:net";

export interface TcpProxy {
  readonly port: number;
  /** Connections that are open now. */
  readonly connections: number;
  /** Connections that were made so far. */
  readonly attempts: number;
  /** Ends every connection without a word. */
  cut(): void;
  /** From now on what the server says is thrown away; what is sent to it goes through. */
  swallowAnswers(): void;
  /** Ends every connection and takes no more. */
  close(): Promise<void>;
}

/** Changes what passes, chunk by chunk. */
export interface Rewrite {
  readonly toServer?: (chunk: Buffer) => Buffer;
  readonly toClient?: (chunk: Buffer) => Buffer;
}

/** Begins at a free port of its own and leads to `target` on this machine. */
export async function startProxy(target: number, rewrite: Rewrite = {}): Promise<TcpProxy> {
  const { toServer = same, toClient = same } = rewrite;
  const pairs = new Map<Socket, Socket>();
  let swallowing = false;
  let attempts = 0;

  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port: target, host: "127.0.0.1", noDelay: true });
    pairs.set(client, upstream);
    attempts += 1;
    const end = (): void => {
      pairs.delete(client);
      client.destroy();
      upstream.destroy();
    };
    client.on("data", (chunk) => upstream.write(toServer(chunk)));
    upstream.on("data", (chunk) => {
      if (!swallowing) client.write(toClient(chunk));
    });
    for (const socket of [client, upstream]) {
      socket.on("error", end);
      socket.on("close", end);
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;

  const cut = (): void => {
    for (const [client, upstream] of pairs) {
      client.resetAndDestroy();
      upstream.destroy();
    }
    pairs.clear();
    swallowing = false;
  };
  return {
    port,
    get connections() {
      return pairs.size;
    },
    get attempts() {
      return attempts;
    },
    cut,
    swallowAnswers() {
      swallowing = true;
    },
    close() {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      cut();
      return closed;
    },
  };
}

function same(chunk: Buffer): Buffer {
  return chunk;
}
