/** The operations of the admin API as an OpenAPI 3.1 document. */
import { z } from "zod";
import { OPERATIONS, type ApiOperation, type Shape } from "./operations.ts";
import { NAMED } from "./schemas.ts";

type Json = Readonly<Record<string, unknown>>;

const ref = (name: string): string => `#/components/schemas/${name}`;

/** @param version of the relay */
export function openApi(version: string): Json {
  return {
    openapi: "3.1.0",
    info: {
      title: "gitlab-hook-relay",
      version,
      description: "The admin API of the relay. See docs/admin-api.md.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/api/v1" }],
    security: [{ token: [] }],
    paths: paths(),
    components: {
      schemas: schemas(),
      securitySchemes: { token: { type: "http", scheme: "bearer", description: "The admin token" } },
    },
  };
}

/** `/events/:id` is written `/events/{id}` here. */
function openApiPath(path: string): string {
  return path.replace(/:(\w+)/g, "{$1}");
}

function paths(): Json {
  const found = new Map<string, Record<string, unknown>>();
  for (const operation of OPERATIONS) {
    const path = openApiPath(operation.path);
    const item = found.get(path) ?? {};
    item[operation.method.toLowerCase()] = operationObject(operation);
    found.set(path, item);
  }
  return Object.fromEntries(found);
}

function operationObject(operation: ApiOperation): Json {
  const { id, path, summary, query, body, refusals } = operation;
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const inQuery = Object.entries(query).map(([name, schema]) => ({
    name,
    in: "query",
    schema: plain(schema),
  }));
  return {
    operationId: id,
    summary,
    parameters: [...inPath, ...inQuery],
    ...(body === null ? {} : { requestBody: requestBody(body) }),
    responses: {
      ...success(operation),
      ...Object.fromEntries(
        [400, 401, 403, ...refusals, 429, 503].map((status) => [status, refusal(status)]),
      ),
    },
  };
}

function requestBody(shape: Shape): Json {
  const isRequired = Object.values(shape).some((schema) => !schema.safeParse(undefined).success);
  return {
    required: isRequired,
    content: { "application/json": { schema: plain(z.strictObject({ ...shape })) } },
  };
}

function success({ answer, status, otherwise }: ApiOperation): Json {
  if (answer === null) return { 204: { description: "Done" } };
  if ("content" in answer) return { 200: { description: "Done", content: { [answer.content]: {} } } };
  return {
    ...(otherwise === undefined ? {} : { 200: answerObject("Nothing was changed", otherwise) }),
    [status ?? 200]: answerObject(status === undefined ? "Done" : "Begun", answer.schema),
  };
}

function answerObject(description: string, name: string): Json {
  return { description, content: { "application/json": { schema: { $ref: ref(name) } } } };
}

const REFUSED: ReadonlyMap<number, string> = new Map([
  [400, "A parameter or field is wrong or unknown; the message names it"],
  [401, "No valid token"],
  [403, "Not permitted"],
  [404, "There is no such thing"],
  [409, "What is there does not allow it; the message says why"],
  [413, "The body is too large"],
  [429, "Too many wrong tokens from this address"],
  [503, "The storage refuses; see Retry-After"],
]);

function refusal(status: number): Json {
  const content = { "application/json": { schema: { $ref: ref("Error") } } };
  return { description: REFUSED.get(status), content };
}

/** Without the marks of a document of its own. */
function plain(schema: z.ZodType): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: "input" });
  return rest;
}

function schemas(): Json {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(NAMED)) registry.add(schema, { id });
  const { schemas: found } = z.toJSONSchema(registry, { uri: ref, io: "input" });
  return Object.fromEntries(
    Object.entries(found).map(([name, { $schema: _dialect, $id: _id, ...schema }]) => [name, schema]),
  );
}
