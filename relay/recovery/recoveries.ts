/** The recoveries of all GitLabs that the settings say it for: each has its own window, run and pauses, and none waits for another. */
import { DEFAULT_INSTANCE } from "../event/event.ts";
import type { RecoveryStatus, SelfRecovery } from "./self-recovery.ts";

export interface InstanceRecovery {
  /** Name of the GitLab. */
  readonly instance: string;
  readonly status: RecoveryStatus;
}

export class Recoveries {
  /** By the name of the GitLab, in the order of the settings. */
  readonly #all: ReadonlyMap<string, SelfRecovery>;

  constructor(all: ReadonlyMap<string, SelfRecovery>) {
    this.#all = all;
  }

  /** The GitLabs that are recovered from. */
  get instances(): ReadonlySet<string> {
    return new Set(this.#all.keys());
  }

  /** As SelfRecovery.begin(), for all of them. */
  async begin(lastSeenAt: number | null, startedAt: number): Promise<void> {
    for (const self of this.#all.values()) await self.begin(lastSeenAt, startedAt);
  }

  /** A webhook of this GitLab was answered with 503. @param instance undefined: that of `gitlab` */
  noteUnavailable(instance: string | undefined): void {
    this.#all.get(instance ?? DEFAULT_INSTANCE)?.noteUnavailable();
  }

  status(): InstanceRecovery[] {
    return [...this.#all].map(([instance, self]) => ({ instance, status: self.status() }));
  }

  /** What is missing and what is done about it, by GitLab. */
  due(): { readonly instance: string; readonly since: number; readonly text: string }[] {
    return [...this.#all].flatMap(([instance, self]) => {
      const due = self.due();
      return due === null ? [] : [{ instance, ...due }];
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all.values()].map((self) => self.close()));
  }
}
