/** The fast tests of the files that stryker.config.json mutates: pure ones, without processes and servers. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: [
      "test/relay/queue/{delivery-state,filter}.test.ts",
      "test/relay/delivery/outcome.test.ts",
      "test/relay/storage/files/records.test.ts",
      "test/relay/storage/journal/{frame,checksum,later-version}.test.ts",
      "test/component/hooks/{plan,plan-marks,desired}.test.ts",
      "test/lib/{signature,secrets}.test.ts",
    ],
    // A busy machine makes no test fail: a mutant is killed by what a test claims alone.
    testTimeout: 120_000,
    pool: "forks",
    maxWorkers: 1,
  },
});
