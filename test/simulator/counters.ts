/** What the simulator saw: requests by route and status, the most at once, those that came although the budget was used up. */
import type { Clock } from "../../lib/clock.ts";

export interface RequestRecord {
  /** Wall clock, milliseconds. */
  readonly at: number;
  readonly method: string;
  /** `GET /projects/:id/hooks`. */
  readonly route: string;
  readonly path: string;
  readonly user: string | null;
  /** 0: the connection was cut or the answer never came. */
  status: number;
  durationMs: number;
  /** Came after a refusal of the same window had been made. */
  afterRefusal: boolean;
}

export interface CounterReport {
  readonly total: number;
  readonly byRoute: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Answers with 429. */
  readonly rejected: number;
  /** Requests that came in after the first refusal of their window. */
  readonly whileClosed: number;
  readonly maxConcurrency: number;
  readonly inFlight: number;
}

export class Counters {
  readonly #clock: Clock;
  readonly #logSize: number;
  #log: RequestRecord[] = [];
  #byRoute = new Map<string, Map<number, number>>();
  #total = 0;
  #rejected = 0;
  #whileClosed = 0;
  #inFlight = 0;
  #maxConcurrency = 0;

  constructor(clock: Clock, logSize: number) {
    this.#clock = clock;
    this.#logSize = logSize;
  }

  begin(method: string, route: string, path: string, user: string | null): RequestRecord {
    this.#inFlight++;
    this.#maxConcurrency = Math.max(this.#maxConcurrency, this.#inFlight);
    const record: RequestRecord = {
      at: this.#clock.now(),
      method,
      route,
      path,
      user,
      status: 0,
      durationMs: 0,
      afterRefusal: false,
    };
    this.#log.push(record);
    if (this.#log.length > this.#logSize * 2) this.#log = this.#log.slice(-this.#logSize);
    return record;
  }

  end(record: RequestRecord, status: number): void {
    this.#inFlight--;
    this.#total++;
    record.status = status;
    record.durationMs = this.#clock.now() - record.at;
    if (status === 429) this.#rejected++;
    if (record.afterRefusal) this.#whileClosed++;
    let statuses = this.#byRoute.get(record.route);
    if (!statuses) {
      statuses = new Map();
      this.#byRoute.set(record.route, statuses);
    }
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }

  /** Requests of one route (`GET /projects/:id/hooks`), with one status where it is given. */
  count(route: string, status?: number): number {
    const statuses = this.#byRoute.get(route);
    if (!statuses) return 0;
    if (status !== undefined) return statuses.get(status) ?? 0;
    return [...statuses.values()].reduce((sum, n) => sum + n, 0);
  }

  /** All requests but GET and HEAD. */
  get writes(): number {
    let sum = 0;
    for (const route of this.#byRoute.keys()) if (!/^(GET|HEAD) /.test(route)) sum += this.count(route);
    return sum;
  }

  get total(): number {
    return this.#total;
  }

  /** The last requests, oldest first. */
  get log(): readonly RequestRecord[] {
    return this.#log.slice(-this.#logSize);
  }

  report(): CounterReport {
    return {
      total: this.#total,
      byRoute: Object.fromEntries(
        [...this.#byRoute].map(([route, statuses]) => [route, Object.fromEntries(statuses)]),
      ),
      rejected: this.#rejected,
      whileClosed: this.#whileClosed,
      maxConcurrency: this.#maxConcurrency,
      inFlight: this.#inFlight,
    };
  }

  reset(): void {
    this.#log = [];
    this.#byRoute = new Map();
    this.#total = 0;
    this.#rejected = 0;
    this.#whileClosed = 0;
    this.#maxConcurrency = this.#inFlight;
  }
}
