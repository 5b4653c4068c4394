/** Small numbers for projects, each with the path that it had: a project that is renamed gets another one. */
import { Dictionary, pairName } from "./dictionary.ts";

export interface ProjectEntry {
  readonly id: number | null;
  readonly path: string | null;
}

export class ProjectCodes {
  readonly #entries = new Dictionary<ProjectEntry>();
  /** The code of each project's latest path. */
  readonly #latest = new Map<number, number>();

  constructor() {
    // Code 0 stands for "not known yet".
    this.#entries.code("?", { id: null, path: null });
  }

  code(id: number | null, path: string | null): number {
    const latest = id === null ? undefined : this.#latest.get(id);
    if (latest !== undefined && this.value(latest).path === path) return latest;
    const code = this.#entries.code(pairName(id, path), { id, path });
    if (id !== null) this.#latest.set(id, code);
    return code;
  }

  /** As code(), for a path of ASCII that begins in `bytes` at `at`. */
  codeAt(id: number, bytes: Buffer, at: number, length: number): number {
    const latest = this.#latest.get(id);
    const path = latest === undefined ? null : this.value(latest).path;
    if (path !== null && isTextAt(path, bytes, at, length)) return latest!;
    return this.code(id, bytes.toString("latin1", at, at + length));
  }

  value(code: number): ProjectEntry {
    return this.#entries.value(code);
  }

  get values(): readonly ProjectEntry[] {
    return this.#entries.values;
  }
}

function isTextAt(text: string, bytes: Buffer, at: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let index = 0; index < length; index++) {
    if (text.charCodeAt(index) !== bytes[at + index]) return false;
  }
  return true;
}
