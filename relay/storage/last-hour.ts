/** A text that the relay keeps for itself over a restart: the figures of its last hour. Losing it loses a chart. */
export interface LastHour {
  /** Null: none was written. Rejects with an UpstreamError if it cannot be read. */
  read(): Promise<string | null>;
  /** Whole or not at all, but not synced. Rejects with an UpstreamError if it cannot be written. */
  write(text: string): Promise<void>;
}
