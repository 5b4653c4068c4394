import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/runtimes/**"],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    pool: "forks",
    // Many tests wait for processes and browsers: more workers than cores keep the cores busy.
    maxWorkers: 3,
    coverage: {
      provider: "v8",
      include: ["relay/**/*.ts", "component/**/*.ts", "lib/**/*.ts"],
      reporter: ["text-summary", "json-summary"],
      thresholds: { lines: 90 },
    },
  },
});
