/** How the time of something grows with its input, told by the processor's time, so that other work on the machine does not count. */

const KB = 1024;
/** Least time that is measured, in milliseconds; what is faster is repeated. */
const LEAST_MS = 4;

/**
 * Time for 64 KB divided by that for 16 KB: 4 is linear, 16 quadratic. The best of several rounds, as only disturbances make it slower.
 * @param prepare makes what is run, for an input of so many characters; not measured
 */
export function growth(prepare: (length: number) => () => unknown, rounds = 3): number {
  const small = prepare(16 * KB);
  const large = prepare(64 * KB);
  let repeats = 1;
  small();
  while (cpuMs(small, repeats) < LEAST_MS) repeats *= 2;
  const best = (run: () => unknown): number =>
    Math.min(...Array.from({ length: rounds }, () => cpuMs(run, repeats)));
  return best(large) / Math.max(best(small), LEAST_MS / 4);
}

function cpuMs(run: () => unknown, repeats: number): number {
  const before = process.cpuUsage();
  for (let i = 0; i < repeats; i++) run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** The text, repeated to so many characters. */
export function repeated(unit: string, length: number): string {
  return unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
}
