/** Calling off what is under way, if so much is that AbortControllers, an EventTarget each, would be felt. */

/** The part of an AbortSignal that the delivery uses; every AbortSignal is one. */
export interface Cancellation {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** Both ends in one: whoever may call it off holds it as this, everybody else as a Cancellation. */
export class Cancellable implements Cancellation {
  #aborted = false;
  #reason: unknown = undefined;
  /** Null: none. */
  #listeners: (() => void)[] | null = null;
  #parent: Cancellation | null = null;
  #onParent: () => void = nothing;

  get aborted(): boolean {
    return this.#aborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  /** Listeners are called once, in their order. */
  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    const listeners = this.#listeners;
    this.#listeners = null;
    for (const listener of listeners ?? []) listener();
  }

  /** Aborts for this reason as soon as the other one does, at once if it has; until unfollow(). One at a time. */
  follow(parent: Cancellation, reason: unknown): void {
    this.#parent = parent;
    this.#onParent = () => this.abort(reason);
    if (parent.aborted) this.abort(reason);
    else parent.addEventListener("abort", this.#onParent, { once: true });
  }

  unfollow(): void {
    this.#parent?.removeEventListener("abort", this.#onParent);
    this.#parent = null;
  }

  addEventListener(_type: "abort", listener: () => void): void {
    // A list that push() begins has room for seventeen.
    if (this.#listeners === null) this.#listeners = [listener];
    else this.#listeners.push(listener);
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    const at = this.#listeners?.indexOf(listener) ?? -1;
    if (at >= 0) this.#listeners?.splice(at, 1);
  }
}

function nothing(): void {}
