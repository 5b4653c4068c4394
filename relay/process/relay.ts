/** The relay as others see it: what it is given, and what can be asked of it. */
import type { ReadText } from "../../lib/answering-files.ts";
import type { Clock } from "../../lib/clock.ts";
import type { RootLog, Secrets } from "../../lib/log.ts";
import type { Env } from "../../lib/env.ts";
import type { Config } from "../config/schema.ts";
import type { Health } from "../observe/health.ts";
import type { Check } from "../queue/queue.ts";
import type { CreateStorage } from "../storage/open.ts";

export interface RelayDeps {
  readonly clock: Clock;
  readonly log: RootLog;
  readonly secrets: Secrets;
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
  readonly version: string;
  /** Everything that is stored, by the driver that the settings name. */
  readonly createStorage: CreateStorage;
  /** Program and first arguments of the installer, which recovers what was missed. */
  readonly installer: readonly string[];
  /** Where targets find the proxy variables. @default no proxy */
  readonly env?: Env;
  /** Whether files that targets read answer. @default they are not asked */
  readonly readText?: ReadText;
  /** Why changed settings are not in force, in words. @default nothing */
  readonly settingsProblems?: () => readonly string[];
  /** Checks that the program adds to readiness. @default none */
  readonly checks?: () => readonly Check[];
}

export interface Relay {
  /** Where it listens, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
  /** The settings in force. */
  config(): Config;
  /** What is stored where, for the log. */
  readonly place: Readonly<Record<string, string>>;
  /** Where the secret token is kept that the relay made for itself; null if the settings have one. */
  secretFile(): string | null;
  /** Where the admin token is kept that the relay made for itself; null if the settings have one. */
  adminTokenPlace(): string | null;
  /** Address that logs in to the dashboard once. A secret: for a terminal, never for the log. */
  readonly loginUrl: string;
  health(): Health;
  /**
   * Puts other settings in force: all of them in one step, or none. What only a restart changes stays as it was and is reported.
   * Rejects with a ConfigError that names everything in the way.
   * @param options.anew makes targets anew whose settings stay the same: their certificates may have changed. @default false
   */
  apply(next: Config, options?: { readonly anew: boolean }): Promise<void>;
  /** Settings that wait for a restart, by path. */
  waitingForRestart(): readonly string[];
  /**
   * Takes no more webhooks, answers those in flight, lets attempts end within the deadline, writes down what was settled and lets
   * go of the storage. A crash half-way loses nothing: unfinished attempts are made again.
   * @default drainMs 25_000
   */
  stop(drainMs?: number): Promise<void>;
}
