/** Tasks that must not come between one another: each begins once those before it are over, whatever became of them. */
export class Turns {
  /** Never rejects. */
  #last: Promise<unknown> = Promise.resolve();
  #open = 0;

  /** Whether a task is under way or waits. */
  get isBusy(): boolean {
    return this.#open > 0;
  }

  run<T>(task: () => Promise<T> | T): Promise<T> {
    this.#open++;
    const result = this.#last.then(task).finally(() => {
      this.#open--;
    });
    this.#last = result.catch(() => {});
    return result;
  }

  /** Resolves once the tasks of now are over. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
