/** What the queue refuses because of what it was asked. */

/** A replay was asked for a target that is not in the settings. */
export class UnknownTargetError extends Error {
  override readonly name = "UnknownTargetError";
  readonly code = "unknown-target";
  readonly target: string;

  constructor(target: string) {
    super(`There is no target "${target}"`);
    this.target = target;
  }
}
