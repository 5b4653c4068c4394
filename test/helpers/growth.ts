/**
 * How the time of something grows with its input. Measured by the processor's time, so that other work on the machine does not count. A full
 * collection or a compilation on another thread does count: it only ever makes a round slower, so the best of several rounds decides, and a
 * figure above the limit is measured again before it is believed.
 */

const KB = 1024;
/** Least time of a measurement, in milliseconds; what is faster is repeated. */
const LEAST_MS = 4;
/** Rounds that always run. A short input that was disturbed would hide a growth; it is undisturbed in one of these. */
const ROUNDS = 4;
/** Rounds until a figure above the limit is believed. */
const MOST_ROUNDS = 25;
/** Processor time after which no further round begins, in milliseconds: what is far too slow need not be tried 25 times. */
const MOST_MS = 3_000;

/** The limit of nearly all tests: 4 is linear, 16 is quadratic. */
export const LINEAR = 8;

/**
 * Time for 64 KB divided by that for 16 KB, each the best of its rounds. Rounds of both alternate, and end as soon as the figure is within the limit.
 * @param prepare makes what is run, for an input of so many characters; not measured
 * @param cpuMs processor time spent so far, in milliseconds
 */
export function growth(
  prepare: (length: number) => () => unknown,
  { limit = LINEAR, cpuMs = processorMs }: { limit?: number; cpuMs?: () => number } = {},
): number {
  const timeOf = (run: () => unknown, repeats: number): number => {
    const before = cpuMs();
    for (let i = 0; i < repeats; i++) run();
    return cpuMs() - before;
  };
  const small = prepare(16 * KB);
  const large = prepare(64 * KB);
  const begun = cpuMs();
  small();
  large();
  let repeats = 1;
  while (timeOf(small, repeats) < LEAST_MS) repeats *= 2;
  // Both take about as long when the growth is linear, so that disturbances meet both alike.
  const fewer = Math.ceil(repeats / 4);
  let bestSmall = Infinity;
  let bestLarge = Infinity;
  let grown = Infinity;
  for (let round = 1; round <= MOST_ROUNDS; round++) {
    bestSmall = Math.min(bestSmall, timeOf(small, repeats) / repeats);
    bestLarge = Math.min(bestLarge, timeOf(large, fewer) / fewer);
    grown = bestLarge / bestSmall;
    if (round >= ROUNDS && (grown <= limit || cpuMs() - begun > MOST_MS)) break;
  }
  return grown;
}

/**
 * The same of something that has to be waited for. What else the process does meanwhile counts, so that nothing else should run.
 * @param prepare as for growth()
 */
export async function growthLater(prepare: (length: number) => () => Promise<unknown>): Promise<number> {
  const timeOf = async (run: () => Promise<unknown>, repeats: number): Promise<number> => {
    const before = processorMs();
    for (let i = 0; i < repeats; i++) await run();
    return processorMs() - before;
  };
  const small = prepare(16 * KB);
  const large = prepare(64 * KB);
  const begun = processorMs();
  await small();
  await large();
  let repeats = 1;
  while ((await timeOf(small, repeats)) < LEAST_MS) repeats *= 2;
  const fewer = Math.ceil(repeats / 4);
  let bestSmall = Infinity;
  let bestLarge = Infinity;
  let grown = Infinity;
  for (let round = 1; round <= MOST_ROUNDS; round++) {
    bestSmall = Math.min(bestSmall, (await timeOf(small, repeats)) / repeats);
    bestLarge = Math.min(bestLarge, (await timeOf(large, fewer)) / fewer);
    grown = bestLarge / bestSmall;
    if (round >= ROUNDS && (grown <= LINEAR || processorMs() - begun > MOST_MS)) break;
  }
  return grown;
}

function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The text, repeated to so many characters. */
export function repeated(unit: string, length: number): string {
  return unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
}
