/**
 * One event to 20 targets: what it costs to store, and whether a target that hangs is felt by the 19 others. Rounds with and
 * without it take turns; the p99 of the 19 with it must be at most 1.2 times that without it.
 */
import { report, rows, startChild, type Measured } from "./lib.ts";

const ROUNDS = Number(process.env["ROUNDS"] ?? 5);
const EVENTS = Number(process.env["EVENTS"] ?? 500);
const TARGETS = 20;
const PER_SECOND = 50;
const BODY_BYTES = 10_240;
const WANTED = 1.2;

const file = (name: string): string => new URL(name, import.meta.url).pathname;

const good = await startChild([file("servers/sink.ts")], { core: 1 });
const hanging = await startChild([file("servers/sink.ts"), JSON.stringify({ hang: true })], { core: 1 });
const p99 = { "20 answer": [] as number[], "19 answer, 1 hangs": [] as number[] };
const stored: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, values] of Object.entries(p99)) {
    const job = {
      goodPort: good.ready["port"],
      lastPort: name === "20 answer" ? good.ready["port"] : hanging.ready["port"],
      targets: TARGETS,
      events: EVENTS,
      perSecond: PER_SECOND,
      bodyBytes: BODY_BYTES,
    };
    const child = await startChild([file("servers/fanout.ts"), JSON.stringify(job)], { core: 0 });
    values.push(Number(child.ready["p99"]));
    stored.push(Number(child.ready["bytesPerEvent"]));
    await child.stop();
  }
}
await good.stop();
await hanging.stop();

const measured: Measured[] = Object.entries(p99).map(([name, values]) => ({
  name: `p99 to delivered, ${name}`,
  unit: "ms",
  values,
}));
const first = measured[0]?.name ?? null;
const table = rows(measured, (name) => (name === first ? null : first));
const bytesPerEvent = Math.round(stored.reduce((sum, bytes) => sum + bytes, 0) / stored.length);
report("fanout", table, {
  targets: TARGETS,
  events: EVENTS,
  perSecond: PER_SECOND,
  bodyBytes: BODY_BYTES,
  storedBytesPerEvent: bytesPerEvent,
  wanted: WANTED,
});
process.exitCode = (table[1]?.ratio ?? WANTED + 1) <= WANTED ? 0 : 1;
