/** Waits for what happens in other processes, without taking the processor away from them. */

const EVERY_MS = 20;

/** Resolves once it is true; looks again every 20 ms, and rejects after `limitMs`. A condition that fails is not true yet. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  limitMs = 90_000,
): Promise<void> {
  const end = performance.now() + limitMs;
  for (;;) {
    let failure: unknown = null;
    try {
      if (await condition()) return;
    } catch (error) {
      failure = error;
    }
    if (performance.now() > end)
      throw new Error(`Not true within ${limitMs} ms: ${condition.toString()}`, { cause: failure });
    await new Promise((resolve) => {
      setTimeout(resolve, EVERY_MS);
    });
  }
}
