import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createAdminFixture, type AdminFixture } from "../../../helpers/admin.ts";
import { OPERATIONS, type ApiOperation } from "../../../../relay/admin/api/operations.ts";
import { FILTER_NAMES, LIST_FILTERS } from "../../../../relay/admin/api/query.ts";
import { filters } from "../../../../relay/admin/api/parameter-schemas.ts";
import { NAMED } from "../../../../relay/admin/api/schemas.ts";
import { listedRoutes } from "../../../../relay/admin/auth/policy.ts";
import { fc } from "../../../helpers/properties.ts";

interface Schema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly format?: string;
}

interface DocumentedOperation {
  readonly operationId: string;
  readonly parameters: readonly {
    readonly name: string;
    readonly in: "query" | "path";
    readonly schema: Schema;
  }[];
  readonly requestBody?: { readonly content: { readonly "application/json": { readonly schema: Schema } } };
  readonly responses: Readonly<Record<string, unknown>>;
}

interface OpenApiDocument {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

let relay: AdminFixture;
let document: OpenApiDocument;
let ids: string[] = [];

beforeEach(async () => {
  relay = createAdminFixture();
  document = (await (await relay.api("/api/v1/openapi.json")).json()) as OpenApiDocument;
  ids = [];
  for (let i = 0; i < 3; i += 1) ids.push(await relay.add({ projectPath: "acme/shop" }, "{}", ["ci-bot"]));
  await relay.settle("ci-bot", "dead");
});
afterEach(() => relay.close());

test("every route of the API is an operation, and every operation a route", () => {
  const routes = listedRoutes().filter((route) => route.includes(" /api/v1/"));
  expect(OPERATIONS.map(({ method, path }) => `${method} /api/v1${path}`).sort()).toEqual([...routes].sort());
});

test("the filters of the document are those that are read", () => {
  expect(Object.keys(filters)).toEqual([...FILTER_NAMES]);
});

test("the document is OpenAPI 3.1, and each reference in it leads to a schema", () => {
  expect(document.openapi).toBe("3.1.0");
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
    ([, name]) => name,
  );
  expect(references.length).toBeGreaterThan(OPERATIONS.length);
  expect([...new Set(references)].filter((name) => !(String(name) in document.components.schemas))).toEqual(
    [],
  );
  const operationIds = Object.values(document.paths).flatMap((item) =>
    Object.values(item).map(({ operationId }) => operationId),
  );
  expect(new Set(operationIds).size).toBe(OPERATIONS.length);
});

/** Values that a schema allows, and some that it does not. */
function valueOf(schema: Schema): fc.Arbitrary<unknown> {
  const { type, anyOf, items, minimum = 0, maximum = 1000 } = schema;
  const odd = fc.oneof(
    fc.string(),
    fc.constantFrom("", " ", "0", "null", "../x", "%00", "😀", "ci-bot", "dead"),
  );
  if (schema.enum !== undefined)
    return fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...schema.enum) }, { weight: 1, arbitrary: odd });
  if (anyOf !== undefined) return fc.oneof(...anyOf.map(valueOf));
  if (type === "integer") return fc.oneof(fc.integer({ min: minimum, max: maximum }), fc.integer(), odd);
  if (type === "boolean") return fc.oneof(fc.boolean(), odd);
  if (type === "null") return fc.constant(null);
  if (type === "array")
    return fc.oneof(
      fc.array(fc.oneof(fc.constantFrom("ci-bot", "audit"), valueOf(items ?? {})), { maxLength: 3 }),
      odd,
    );
  return fc.oneof(
    odd,
    fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
    fc.constantFrom("acme/shop", "push", "ci-bot"),
  );
}

const KINDS_OF_JUNK = fc.oneof(
  fc.constant("{"),
  fc.jsonValue().map((value) => JSON.stringify(value)),
);

function requestOf({ parameters, requestBody }: DocumentedOperation, path: string) {
  const inQuery = parameters.filter((parameter) => parameter.in === "query");
  const query = fc.record(
    Object.fromEntries(inQuery.map(({ name, schema }) => [name, valueOf(schema).map(String)])),
    { requiredKeys: [] },
  );
  const fields = Object.entries(requestBody?.content["application/json"].schema.properties ?? {});
  const object = fc.record(Object.fromEntries(fields.map(([name, schema]) => [name, valueOf(schema)])), {
    requiredKeys: [],
  });
  const body = fc.oneof(
    { weight: 4, arbitrary: object.map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: KINDS_OF_JUNK },
  );
  const place = fc.oneof(
    fc.nat({ max: 2 }).map((at) => ids[at] ?? ""),
    fc.constantFrom("ci-bot", "gone", "audit"),
    // Two dots, or one, are no segment of a path: the parser of URLs takes them away.
    fc.string({ minLength: 1 }).filter((value) => value !== "." && value !== ".."),
  );
  return fc.record({
    path: place.map((value) => path.replace(/\{\w+\}/, encodeURIComponent(value))),
    query: query.map((values) => new URLSearchParams(values as Record<string, string>).toString()),
    body: requestBody === undefined ? fc.constant(undefined) : fc.option(body, { nil: undefined }),
  });
}

/** An answer as it was documented. */
async function expectDocumented(
  answer: Response,
  documented: DocumentedOperation,
  operation: ApiOperation,
): Promise<void> {
  expect(Object.keys(documented.responses)).toContain(String(answer.status));
  if (answer.status >= 400) {
    NAMED.Error.parse(await answer.json());
    return;
  }
  if (operation.otherwise !== undefined && answer.status === 200)
    NAMED[operation.otherwise].parse(await answer.json());
  else if (operation.answer !== null && "schema" in operation.answer)
    NAMED[operation.answer.schema].parse(await answer.json());
  else await answer.body?.cancel();
}

const RUNS = Number(process.env["FUZZ_RUNS"] ?? 60);

describe.each(OPERATIONS.map((operation) => [operation.id, operation] as const))("%s", (_, operation) => {
  const path = operation.path.replace(/:(\w+)/g, "{$1}");
  const documented = (): DocumentedOperation => {
    const found = document.paths[path]?.[operation.method.toLowerCase()];
    if (found === undefined) throw new Error(`${operation.method} ${path} is not in the document`);
    return found;
  };

  test("whatever is asked, the answer is one that the document has", async () => {
    await fc.assert(
      fc.asyncProperty(requestOf(documented(), path), async (request) => {
        const { method } = operation;
        const target = `/api/v1${request.path}${request.query === "" ? "" : `?${request.query}`}`;
        const answer = await relay.api(target, {
          method,
          ...(request.body === undefined ? {} : { body: request.body }),
        });
        await expectDocumented(answer, documented(), operation);
      }),
      { numRuns: RUNS },
    );
  });

  test("an unknown parameter, one given twice and an unknown field are 400", async () => {
    const at = `/api/v1${path.replace("{id}", ids[0] as string).replace("{name}", "ci-bot")}`;
    const ask = async (query: string, body?: string): Promise<number> =>
      (
        await relay.api(`${at}${query}`, {
          method: operation.method,
          ...(body === undefined ? {} : { body }),
        })
      ).status;
    expect(await ask("?stat=dead")).toBe(400);
    for (const name of Object.keys(operation.query).filter((one) => !LIST_FILTERS.includes(one)))
      expect(await ask(`?${name}=1&${name}=2`)).toBe(400);
    if (operation.body !== null) expect(await ask("", '{"surprise": 1}')).toBe(400);
  });
});
