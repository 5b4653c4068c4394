/** Several things at a time, each begun only where the budget lets it end: else many would be looked at and none finished. */
import type { Budget } from "../../lib/gitlab/budget.ts";

/** Requests that a project usually needs: its hooks are listed, one is written. */
export const REQUESTS_PER_PROJECT = 2;

/** Ends when all are done; throws the first error, after what was under way has ended. */
export async function workThrough<T>(
  items: readonly T[],
  limits: { readonly budget: Pick<Budget, "room">; readonly concurrency: number },
  work: (item: T) => Promise<void>,
): Promise<void> {
  const { budget, concurrency } = limits;
  const errors: unknown[] = [];
  let next = 0;
  let active = 0;
  const mayBegin = (): boolean =>
    errors.length === 0 &&
    next < items.length &&
    active < concurrency &&
    (active === 0 || budget.room() >= REQUESTS_PER_PROJECT * (active + 1));
  await new Promise<void>((resolve) => {
    function pump(): void {
      while (mayBegin()) {
        active++;
        work(items[next++] as T)
          .catch((error: unknown) => errors.push(error))
          .finally(() => {
            active--;
            pump();
          });
      }
      if (active === 0) resolve();
    }
    pump();
  });
  if (errors.length > 0) throw errors[0];
}
