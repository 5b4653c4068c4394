/** A simulator for one test. */
import { onTestFinished } from "vitest";
import type { SimulatorOptions } from "../simulator/options.ts";
import { createSimulator, type Simulator } from "../simulator/simulator.ts";

/** It is closed when the test has ended. */
export async function openSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const sim = await createSimulator(options);
  onTestFinished(() => sim.close());
  return sim;
}
