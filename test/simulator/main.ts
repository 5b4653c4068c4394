/**
 * The simulator as a process of its own: `tsx test/simulator/main.ts --options JSON --tree JSON`, or SIM_OPTIONS and SIM_TREE.
 * Prints one line of JSON (`url`, `token`, `pid`) when it listens, and ends on SIGTERM, SIGINT or when its input closes after
 * `--until-eof`.
 */
import { parseArgs } from "node:util";
import type { SimulatorOptions } from "./options.ts";
import type { TreeInput } from "./seed.ts";
import { createSimulator } from "./simulator.ts";

const { values } = parseArgs({
  options: {
    options: { type: "string" },
    tree: { type: "string" },
    "until-eof": { type: "boolean", default: false },
  },
});
const options = JSON.parse(values.options ?? process.env["SIM_OPTIONS"] ?? "{}") as SimulatorOptions;
const tree = JSON.parse(values.tree ?? process.env["SIM_TREE"] ?? "null") as TreeInput | null;

const simulator = await createSimulator(options);
if (tree) simulator.seed.tree(tree);
process.stdout.write(
  `${JSON.stringify({ url: simulator.url, token: simulator.token.value, pid: process.pid })}\n`,
);

const stop = (): void => void simulator.close().then(() => process.exit(0));
process.once("SIGTERM", stop);
process.once("SIGINT", stop);
if (values["until-eof"]) process.stdin.resume().once("end", stop);
