import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/runtimes/**"],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    pool: "forks",
    coverage: {
      provider: "v8",
      include: ["relay/**/*.ts", "component/**/*.ts", "lib/**/*.ts"],
      reporter: ["text-summary", "json-summary"],
      thresholds: { lines: 90 },
    },
  },
});
