/** Thrown if a run ends with something to say that is no single project's: what it is, and the exit status. */
export class EndOfRun extends Error {
  override readonly name = "EndOfRun";
  readonly status: 1 | 2;
  /** Everything that was to be done is done all the same. */
  readonly complete: boolean;
  constructor(message: string, end: { readonly status: 1 | 2; readonly complete: boolean }) {
    super(message);
    this.status = end.status;
    this.complete = end.complete;
  }
}
