/**
 * What the machine allows just now: as many loops as the installer has workers, each sending one request after the other and
 * doing nothing with the answers. Prints the mean time per request and loop as a line of JSON.
 */
import { Agent, request } from "undici";

const { host, token, loops, count } = JSON.parse(process.argv[2] ?? "{}") as {
  host: string;
  token: string;
  loops: number;
  count: number;
};
const dispatcher = new Agent();
let next = 0;
const began = performance.now();
await Promise.all(
  Array.from({ length: loops }, async () => {
    while (next < count) {
      const url = `${host}/api/v4/projects/${++next}/hooks?per_page=100`;
      const answer = await request(url, { dispatcher, headers: { "private-token": token } });
      await answer.body.text();
    }
  }),
);
const milliseconds = ((performance.now() - began) * loops) / count;
await dispatcher.close();
console.log(JSON.stringify({ milliseconds }));
