/**
 * What comes before the first hook of a project: whether the group's hooks are known well enough, the mark on the group's hook that
 * projects get hooks beside it, and the hooks of groups below, which make one in their projects needless. Nothing of it is asked
 * as long as no project gets a hook.
 */
import type { HookApi } from "../gitlab/hook-api.ts";
import type { Place } from "../gitlab/types.ts";
import type { WantedHook } from "./desired.ts";
import type { ProjectGate } from "./level.ts";
import { covers, groupsBetween, hooksFor, type HookAbove } from "./parents.ts";

export interface GroupsBelow {
  readonly api: HookApi;
  /** Full path of the group that is installed. */
  readonly group: string;
  readonly relayUrl: string;
  /** What a project's hook would be. */
  readonly wanted: WantedHook;
  readonly notice: (text: string) => void;
}

export interface Precautions {
  /** Null: this token sees the group's hooks. */
  readonly gate: ProjectGate | null;
  /** Writes into the group's hook that projects get hooks beside it; null: there is none. */
  readonly mark: (() => Promise<void>) | null;
  /** Null: this token does not see the hooks of groups. */
  readonly below: GroupsBelow | null;
}

/** Set up before the walk, asked by `Apply`. */
export class BeforeCreate {
  #precautions: Precautions = { gate: null, mark: null, below: null };
  #marked: Promise<void> | null = null;
  /** Hooks for the relay on the groups below, by their path. */
  readonly #hooks = new Map<string, Promise<readonly HookAbove[]>>();

  arm(precautions: Precautions): void {
    this.#precautions = precautions;
    this.#marked = null;
    this.#hooks.clear();
  }

  /** Throws GroupOpen or EndOfRun if no project may get a hook. @returns a hook that covers the project; null: none does */
  async pass(place: Place): Promise<HookAbove | null> {
    const { gate, mark, below } = this.#precautions;
    await gate?.pass();
    const covering = below === null ? null : await this.#coveringHook(below, place);
    if (covering !== null) return covering;
    this.#marked ??= mark?.() ?? Promise.resolve();
    await this.#marked;
    return null;
  }

  async #coveringHook(below: GroupsBelow, place: Place): Promise<HookAbove | null> {
    for (const path of groupsBetween(below.group, place.path)) {
      let hooks = this.#hooks.get(path);
      if (hooks === undefined) this.#hooks.set(path, (hooks = this.#look(below, path)));
      const covering = (await hooks).find((one) => covers(one, below.wanted));
      if (covering !== undefined) return covering;
    }
    return null;
  }

  async #look({ api, relayUrl, wanted, notice }: GroupsBelow, path: string): Promise<readonly HookAbove[]> {
    const hooks = await hooksFor(api, path, relayUrl);
    for (const one of hooks) {
      notice(
        covers(one, wanted)
          ? `hook ${one.hook.id} of the group ${path} sends every event of its projects to the relay: they get none of their own`
          : `the group ${path} has hook ${one.hook.id} for the same relay with other events: what both send comes twice`,
      );
    }
    return hooks;
  }
}
