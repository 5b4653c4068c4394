/** Where the relay notes every few seconds that it runs, so that the next start knows for how long it was away. */
export interface Heartbeat {
  /** Wall clock of the last note, milliseconds; null if there is none, or none that can be read. */
  read(): Promise<number | null>;
  /** Survives kill -9. Rejects if the storage refuses it. */
  write(at: number): Promise<void>;
  close(): Promise<void>;
}

/** The time that a note holds; null if it holds anything else, as it may after a loss of power. */
export function timeIn(text: string | null): number | null {
  const match = /^(\d{13})\s*$/.exec(text ?? "");
  return match === null ? null : Number(match[1]);
}
