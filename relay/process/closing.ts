/** What was opened is closed again, the last one first: at the end, and where a start fails half-way. */
export class Closing {
  readonly #steps: (() => void | Promise<void>)[] = [];

  /** To be called as soon as something is open. */
  add(close: () => void | Promise<void>): void {
    this.#steps.push(close);
  }

  /** Closes everything, each once. If closing one fails, the others are closed nevertheless; rejects with the first failure then. */
  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
