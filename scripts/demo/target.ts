/** The demo's target: a service that refuses every fifth delivery, can be down altogether, and writes down what it took. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const REFUSED_OF = 5;

export interface Target {
  readonly url: string;
  /** Down: it refuses everything. */
  setDown(down: boolean): void;
  /** How often each delivery (by its Idempotency-Key) was taken. */
  readonly taken: ReadonlyMap<string, number>;
  /** Deliveries that were answered 503. */
  refused(): number;
  close(): void;
}

export async function createTarget(): Promise<Target> {
  const taken = new Map<string, number>();
  let attempts = 0;
  let refused = 0;
  let down = false;
  const server = createServer((request, response) => {
    request.resume();
    request.once("end", () => {
      attempts++;
      if (down || attempts % REFUSED_OF === 0) {
        refused++;
        response.writeHead(503).end();
        return;
      }
      const key = String(request.headers["idempotency-key"]);
      taken.set(key, (taken.get(key) ?? 0) + 1);
      response.writeHead(204).end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    setDown: (value) => (down = value),
    taken,
    refused: () => refused,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
