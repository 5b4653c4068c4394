/**
 * What needs an operator now, most urgent first: one list for the overview, the API, the metrics and the log. It is ordered by
 * what is being lost: first what no longer gets in, then what does not get out, then what waits for a decision.
 */

import { ATTENTION_KINDS, type AttentionKind } from "../../config/attention-kinds.ts";
import { counted, grouped, isMost } from "../../../lib/numbers.ts";
import type { RefusedFile } from "../../routing/project-file.ts";
import type { Run } from "../hour/minute-stats.ts";

export interface AttentionItem {
  readonly kind: AttentionKind;
  /** `critical`: webhooks or deliveries are being lost or held up now; `warning`: a person has to decide. */
  readonly severity: "critical" | "warning";
  /** Wall clock, milliseconds; null: not known. */
  readonly since: number | null;
  /** How many webhooks, deliveries or settings it is about; null if that says nothing. */
  readonly count: number | null;
  /** One sentence. Holds no secret. */
  readonly text: string;
  /** Path of the page that helps. */
  readonly link: string;
}

export interface TargetSituation {
  readonly name: string;
  readonly paused: boolean;
  readonly waiting: number;
  readonly dead: number;
  /** The dead ones by reason. */
  readonly deadReasons: ReadonlyMap<string, number>;
  /** Wall clock of receipt of the oldest event that waits; null: none waits. */
  readonly oldestAt: number | null;
  readonly breaker: "closed" | "open" | "half-open";
  /** Of the last ten minutes. */
  readonly attempts: number;
  readonly failed: number;
  /** Deliveries that came to wait in the last ten minutes, and that ended in it. */
  readonly arrived: number;
  readonly ended: number;
  /** Wall clock from which most attempts failed, as far as the last hour tells; null: they do not. */
  readonly failingSince: number | null;
  readonly lastError: string | null;
}

export interface Situation {
  readonly now: number;
  /** Checks of readiness that do not hold, in words. */
  readonly failing: readonly string[];
  /** Answered 401, 403 or 429. */
  readonly refused: Run | null;
  /** Answered 503. */
  readonly notStored: Run | null;
  /** Bytes of the journal that cannot be read. */
  readonly damagedBytes: number;
  /** What GitLab may have logged as failed; null: nothing. */
  readonly recovery: { readonly since: number; readonly text: string } | null;
  readonly targets: readonly TargetSituation[];
  /** What is kept for targets that the settings do not name. */
  readonly orphans: readonly { readonly name: string; readonly waiting: number; readonly dead: number }[];
  /** Problems of changed settings that were not put in force, in words. */
  readonly settingsProblems: readonly string[];
  readonly unknownVariables: readonly { readonly name: string; readonly nearest: string }[];
  /** Projects' own files that were refused when they were last read, the newest first. */
  readonly refusedFiles: readonly RefusedFile[];
}

/** Attempts of ten minutes from which a share of failures says something. */
const LEAST_ATTEMPTS = 3;
/** Age of the oldest waiting event from which a target is behind. */
const BEHIND_MS = 900_000;
/** Waiting deliveries from which a target that takes less than it gets is behind. */
const BEHIND_WAITING = 1000;

export function attentionOf(situation: Situation): AttentionItem[] {
  const items = [
    ...webhookItems(situation),
    ...situation.targets.flatMap((target) => targetItem(target, situation.now) ?? []),
    ...settingsItems(situation),
    ...orphanItems(situation),
    ...deadItems(situation),
    ...(situation.targets.length === 0 ? [NO_TARGET] : []),
  ];
  const rank = ({ kind }: AttentionItem): number => ATTENTION_KINDS.indexOf(kind);
  return items.sort((a, b) => rank(a) - rank(b) || (b.count ?? 0) - (a.count ?? 0));
}

/** The same as a key: which matter, whatever its figures are. */
export function attentionKey({ kind, link }: AttentionItem): string {
  return `${kind} ${link}`;
}

/** More than half of ten minutes' attempts failed, or the breaker holds them back: as the alert has it. */
export function isFailing(target: Pick<TargetSituation, "breaker" | "attempts" | "failed">): boolean {
  return (
    target.breaker !== "closed" ||
    (target.attempts >= LEAST_ATTEMPTS && isMost(target.failed, target.attempts))
  );
}

function webhookItems({ failing, refused, notStored, damagedBytes, recovery }: Situation): AttentionItem[] {
  const items: AttentionItem[] = [];
  if (failing.length > 0)
    items.push({
      kind: "not-ready",
      severity: "critical",
      since: null,
      count: failing.length,
      text: `Not ready, webhooks are answered with 503: ${failing.join("; ")}`,
      link: "/readyz",
    });
  if (refused !== null)
    items.push({
      kind: "refused",
      severity: "critical",
      since: refused.since,
      count: refused.count,
      text: `${counted(refused.count, "webhook")} refused in the last ten minutes: wrong secret, or an address that is not allowed; the log says which`,
      link: "/#charts",
    });
  if (notStored !== null)
    items.push({
      kind: "not-stored",
      severity: "critical",
      since: notStored.since,
      count: notStored.count,
      text: `${counted(notStored.count, "webhook")} could not be stored in the last ten minutes; GitLab does not repeat them`,
      link: "/#checks",
    });
  if (damagedBytes > 0)
    items.push({
      kind: "storage-damaged",
      severity: "critical",
      since: null,
      count: damagedBytes,
      text: `${counted(damagedBytes, "byte")} of the journal cannot be read: the disk changed what was stored; the log names the places (journal.damage-found)`,
      link: "/#checks",
    });
  if (recovery !== null)
    items.push({
      kind: "recovery-due",
      severity: "warning",
      since: recovery.since,
      count: null,
      text: `Recovery is due: ${recovery.text}`,
      link: "/#figures",
    });
  return items;
}

function targetItem(target: TargetSituation, now: number): AttentionItem | null {
  const about = { count: target.waiting, link: `/targets/${target.name}`, since: target.oldestAt };
  const backlog = backlogOf(target);
  const last = target.lastError === null ? "" : `; last error: ${target.lastError}`;
  if (target.paused)
    return target.waiting === 0
      ? null
      : {
          ...about,
          kind: "target-paused",
          severity: "warning",
          text: `${target.name} is paused, ${backlog}`,
        };
  if (isFailing(target)) {
    const why = whyFailing(target);
    return {
      ...about,
      since: older(target.oldestAt, target.failingSince),
      kind: "target-failing",
      severity: "critical",
      text: `${target.name} is failing${why}${last}; ${backlog}`,
    };
  }
  return isBehind(target, now)
    ? {
        ...about,
        kind: "target-behind",
        severity: "warning",
        text: `${target.name} is falling behind, ${backlog}${hasSuccess(target) ? "" : last}`,
      }
    : null;
}

/** Of the last ten minutes: between attempts that are far apart, an error is all that is known. */
function hasSuccess({ attempts, failed }: TargetSituation): boolean {
  return attempts > failed;
}

function older(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}

function backlogOf({ waiting, dead }: TargetSituation): string {
  if (waiting > 0) return `${grouped(waiting)} waiting`;
  return dead > 0 ? `nothing waits, ${counted(dead, "dead letter")}` : "nothing waits";
}

/** A share below one half says little: then the breaker opened for failures in a row. */
function whyFailing({ attempts, failed, breaker }: TargetSituation): string {
  if (attempts > 0 && (isMost(failed, attempts) || breaker === "closed"))
    return `: ${grouped(failed)} of ${grouped(attempts)} attempts failed in ten minutes`;
  return breaker === "open" ? ": its last attempts failed in a row, the breaker is open" : "";
}

/** The oldest waits for long, or much waits and more comes than goes. */
export function isBehind(
  { waiting, oldestAt, arrived, ended }: Pick<TargetSituation, "waiting" | "oldestAt" | "arrived" | "ended">,
  now: number,
): boolean {
  if (oldestAt !== null && now - oldestAt > BEHIND_MS) return true;
  return waiting >= BEHIND_WAITING && arrived > ended;
}

function settingsItems({ settingsProblems, unknownVariables, refusedFiles }: Situation): AttentionItem[] {
  const items: AttentionItem[] = unknownVariables.map(({ name, nearest }) => ({
    kind: "unknown-variable",
    severity: "warning",
    since: null,
    count: 1,
    text: `The variable ${name} is unknown and has no effect; did you mean ${nearest}?`,
    link: `/#${name}`,
  }));
  const [first] = settingsProblems;
  if (first !== undefined)
    items.push({
      kind: "settings-refused",
      severity: "warning",
      since: null,
      count: settingsProblems.length,
      text: `Changed settings are not in force: ${first}${settingsProblems.length === 1 ? "" : `, and ${settingsProblems.length - 1} more`}`,
      link: "/#checks",
    });
  const [file] = refusedFiles;
  if (file !== undefined)
    items.push({
      kind: "project-files-refused",
      severity: "warning",
      since: null,
      count: refusedFiles.length,
      text: `The file of project ${file.projectId} is refused: ${file.error}${refusedFiles.length === 1 ? "" : `; ${grouped(refusedFiles.length - 1)} more`}`,
      link: "/targets#project-files",
    });
  return items;
}

function orphanItems({ orphans }: Situation): AttentionItem[] {
  const kept = orphans.filter(({ waiting, dead }) => waiting + dead > 0);
  if (kept.length === 0) return [];
  const count = kept.reduce((sum, { waiting, dead }) => sum + waiting + dead, 0);
  return [
    {
      kind: "orphans",
      severity: "warning",
      since: null,
      count,
      text: `${counted(count, "delivery")} for targets that the settings do not name: ${kept.map(({ name }) => name).join(", ")}`,
      link: "/targets#orphans",
    },
  ];
}

/** The reason of a target's dead letters, or the one that most of them have. */
function mostOf({ deadReasons }: TargetSituation): string {
  const [most, ...others] = [...deadReasons].sort((a, b) => b[1] - a[1]);
  if (most === undefined) return "";
  return others.length === 0 ? ` (${most[0]})` : ` (mostly ${most[0]})`;
}

function deadItems({ targets }: Situation): AttentionItem[] {
  const dead = targets.filter((target) => target.dead > 0);
  if (dead.length === 0) return [];
  const count = dead.reduce((sum, target) => sum + target.dead, 0);
  return [
    {
      kind: "dead-letters",
      severity: "warning",
      since: null,
      count,
      text: `${counted(count, "dead letter")} ${count === 1 ? "needs" : "need"} a decision: ${dead.map((target) => `${grouped(target.dead)} ${target.name}${mostOf(target)}`).join(", ")}`,
      link: "/dead",
    },
  ];
}

const NO_TARGET: AttentionItem = {
  kind: "no-target",
  severity: "warning",
  since: null,
  count: null,
  text: "Receiving; nowhere to deliver to yet: set RELAY_TARGET_URL, or add targets to relay.yaml",
  link: "/targets",
};
