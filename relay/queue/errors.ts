/** What the queue refuses because of what it was asked. */

/** A replay or move was asked for a target that is not in the settings. */
export class UnknownTargetError extends Error {
  override readonly name = "UnknownTargetError";
  readonly code = "unknown-target";
  readonly target: string;

  constructor(target: string) {
    super(`there is no target "${target}"`);
    this.target = target;
  }
}

/** The deliveries of a target that is in use were to be moved away. */
export class TargetExistsError extends Error {
  override readonly name = "TargetExistsError";
  readonly code = "target-exists";
  readonly target: string;

  constructor(target: string) {
    super(`target "${target}" is in the settings; only deliveries of targets that are not can be moved`);
    this.target = target;
  }
}

/** An event was to be stored on the knowledge of its pair, and another relay has stored one more of it. Nothing was stored. */
export class PairChangedError extends Error {
  override readonly name = "PairChangedError";
  readonly code = "pair-changed";

  constructor() {
    super("another event of the pair was stored meanwhile");
  }
}
