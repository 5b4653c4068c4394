/**
 * fast-check with one seed in the gate: a test fails there because of a change, and not because a rare case came up. With FUZZ_RUNS the
 * seed is a new one each time, and FUZZ_SEED repeats it; a failure prints it.
 */
import * as fc from "fast-check";

const { FUZZ_RUNS, FUZZ_SEED } = process.env;

fc.configureGlobal({
  ...(FUZZ_RUNS === undefined ? { seed: 1 } : {}),
  ...(FUZZ_SEED === undefined ? {} : { seed: Number(FUZZ_SEED) }),
});

export { fc };
