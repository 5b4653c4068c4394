/** Where facts are kept, in our words. Two things are behind it: a journal of this relay's own, or the Redis that relays share. */
import type { OpenPage } from "./fact-sheet.ts";

export interface ActivityEntry {
  /** UTC day, such as 2026-01-31. */
  readonly day: string;
  readonly project: string;
  readonly page: OpenPage;
}

export interface ActivityStore {
  /** What is kept of a day, one entry per project. */
  read(day: string): Promise<readonly ActivityEntry[]>;
  /** Adds what is new and notes how far that goes; all of it is durable when it resolves, and doing it again changes nothing. */
  add(entries: readonly ActivityEntry[], mark: number): Promise<void>;
  /** Wall clock up to which every event has been looked at; null: none ever was. */
  mark(): Promise<number | null>;
  days(): Promise<readonly string[]>;
  remove(day: string): Promise<void>;
  close(): Promise<void>;
}
