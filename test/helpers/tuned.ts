/**
 * A program that makes garbage that grew old, as a backlog does that is worked off, and prints the most bytes that its heap ever had.
 * With `plain` as its argument it leaves the collector as it is.
 */
import process from "node:process";
import { tuneCollector } from "../../relay/process/collector.ts";

const KEPT = 40;
const ROUNDS = 200;

if (process.argv[2] !== "plain") tuneCollector();
const batch = (): object[] => Array.from({ length: 10_000 }, (_, index) => ({ index }));
const kept = Array.from({ length: KEPT }, batch);
let most = 0;
for (let round = 0; round < ROUNDS; round += 1) {
  kept[round % KEPT] = batch();
  most = Math.max(most, process.memoryUsage().heapUsed);
}
process.stdout.write(`${most}\n`);
