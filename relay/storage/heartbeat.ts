/** Where the relay notes that it is there, in our words. */
export interface Mark {
  /** Wall clock of the last note, milliseconds; null: there is none, or none that can be read. */
  read(): Promise<number | null>;
  /** Survives kill -9. Rejects where the storage does not take it. */
  write(at: number): Promise<void>;
  close(): Promise<void>;
}

/** The time that a note holds; null where it holds anything else, as after a loss of power. */
export function timeIn(text: string | null): number | null {
  const match = /^(\d{13})\s*$/.exec(text ?? "");
  return match === null ? null : Number(match[1]);
}
