/** The settings in force and what follows from them; every part of the relay reads them here, each time anew. */
import type { Config } from "../config/schema.ts";
import { compileIngest, type IngestRules } from "../ingest/rules.ts";
import type { MadeSecrets } from "./made-secrets.ts";

export class CurrentSettings {
  /** As they were written, without the secrets that the relay made. */
  #written: Config;
  #config: Config;
  #rules: IngestRules;
  #made: MadeSecrets | null = null;
  #waiting: readonly string[] = [];

  constructor(settings: Config) {
    this.#written = settings;
    this.#config = settings;
    this.#rules = compileIngest(settings);
  }

  /** With the secrets that the relay made. */
  readonly config = (): Config => this.#config;
  readonly written = (): Config => this.#written;
  /** How webhooks are judged. */
  readonly rules = (): IngestRules => this.#rules;
  /** Null until useMade(). */
  readonly made = (): MadeSecrets | null => this.#made;
  /** Paths of settings that wait for a restart. */
  readonly waiting = (): readonly string[] => this.#waiting;

  /** At the start, once the secrets are made. */
  useMade(made: MadeSecrets): void {
    this.use(made, compileIngest(made.config));
  }

  use(made: MadeSecrets, rules: IngestRules): void {
    this.#made = made;
    this.#config = made.config;
    this.#rules = rules;
  }

  /** Notes what a reload was given, and what of it waits. */
  note(written: Config, waiting: readonly string[]): void {
    this.#written = written;
    this.#waiting = waiting;
  }
}
