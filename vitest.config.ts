import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Folders whose files take longest: they begin first, so that none of them is left alone at the end. */
const LONG = [
  "/test/component/model/",
  "/test/oracle/",
  "/test/scripts/demo",
  "/test/docs/",
  "/test/browser/",
  "/test/deploy/",
  "/test/build/",
  "/test/templates/",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const found = LONG.findIndex((part) => moduleId.includes(part));
      return found < 0 ? LONG.length : found;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/runtimes/**"],
    // For what hangs, not for what is slow: the gate runs on busy machines, too.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 90_000 } },
    globalSetup: "test/helpers/warm-up.ts",
    pool: "forks",
    // Many tests wait for processes and browsers: more workers than cores keep the cores busy.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    coverage: {
      provider: "v8",
      include: ["relay/**/*.ts", "component/**/*.ts", "cli/**/*.ts", "lib/**/*.ts"],
      reporter: ["text-summary", "json-summary"],
      thresholds: { lines: 90 },
    },
  },
});
