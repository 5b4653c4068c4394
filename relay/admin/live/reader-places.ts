/** How many readers an endless answer has at a time. */

export class ReaderPlaces {
  readonly #most: number;
  #taken = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Null: all are taken. @returns gives the place back; called again, it does nothing more */
  take(): (() => void) | null {
    if (this.#taken === this.#most) return null;
    this.#taken += 1;
    let isHeld = true;
    return () => {
      if (isHeld) this.#taken -= 1;
      isHeld = false;
    };
  }
}
