/** Refuses what an operation does not know: ignored, a misspelt parameter would widen what is shown or done. */
import type { MiddlewareHandler } from "hono";
import { closestMatch } from "leven";
import { jsonOrNull, object } from "../../../lib/json.ts";
import { matchedRoute } from "../matched-route.ts";
import type { AdminEnv } from "../ports.ts";
import { operationOf, type ApiOperation } from "./operations.ts";
import { LIST_FILTERS, bad } from "./query.ts";

const PREFIX = "/api/v1";

/** Parameters of the query and fields of the body. Throws a RefusalError (400). */
export const knownParameters: MiddlewareHandler<AdminEnv> = async function knownParameters(c, next) {
  const route = matchedRoute(c);
  const operation = operationOf(`${route?.method} ${route?.path.slice(PREFIX.length)}`);
  if (operation !== undefined) {
    checkNames(Object.keys(c.req.query()), Object.keys(operation.query));
    const lists = Object.hasOwn(operation.query, "q") ? LIST_FILTERS : [];
    const twice = Object.entries(c.req.queries()).find(
      ([name, values]) => values.length > 1 && !lists.includes(name),
    );
    if (twice !== undefined) throw bad(`${twice[0].slice(0, 40)} is given ${twice[1].length} times`);
    if (c.req.method === "POST") checkFields(operation, await c.req.text());
  }
  await next();
};

function checkNames(given: readonly string[], known: readonly string[]): void {
  const unknown = given.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const nearest = closestMatch(unknown, known, { maxDistance: 2 });
  throw bad(
    `there is no parameter "${unknown.slice(0, 40)}"${nearest === undefined ? "" : `; did you mean ${nearest}?`}`,
  );
}

/** What is no JSON object is refused by those who read it. */
function checkFields({ body }: ApiOperation, text: string): void {
  if (body === null || text.trim() === "") return;
  const fields = object(jsonOrNull(text));
  const unknown = Object.keys(fields).find((name) => !Object.hasOwn(body, name));
  if (unknown !== undefined)
    throw bad(`there is no field "${unknown.slice(0, 40)}"; known: ${Object.keys(body).join(", ")}`);
}
