/**
 * A target for benchmarks: takes everything, answers 204 at once, after a delay, or never. Prints its port as JSON, then each
 * of the numbers in `countAt` when so many requests have come.
 */
import { createServer } from "node:http";

const job = JSON.parse(process.argv[2] ?? "{}") as {
  readonly hang?: boolean;
  readonly delayMs?: number;
  readonly countAt?: readonly number[];
};
let requests = 0;
const server = createServer((request, response) => {
  requests += 1;
  if (job.countAt?.includes(requests) === true) process.stdout.write(`${requests}\n`);
  request.resume();
  if (job.hang === true) return;
  request.on("end", () => {
    const answer = (): void => void response.writeHead(204).end();
    if (job.delayMs === undefined) answer();
    else setTimeout(answer, job.delayMs);
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  process.stdout.write(`${JSON.stringify({ port })}\n`);
});
