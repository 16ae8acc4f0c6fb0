/**
 * The description of this API for programs (OpenAPI 3.1), made from the table of routes, so that it cannot say anything else
 * than what is checked at each request.
 */
import { z } from 'zod';
import { groveVersion } from '../daemon/version.ts';
import type { Route } from './routes.ts';

type Schema = Readonly<Record<string, unknown>>;

/** A problem document (RFC 9457), with the code that tells problems apart. */
const ERROR: Schema = {
  type: 'object',
  properties: {
    type: { type: 'string' }, title: { type: 'string' }, status: { type: 'integer' }, detail: { type: 'string' },
    error: { type: 'object', properties: { code: { type: 'string' }, message: { type: 'string' } }, required: ['code', 'message'] },
  },
  required: ['type', 'title', 'status', 'detail', 'error'],
};

export function getOpenApi(routes: readonly Route[]): unknown {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}').replace('*', '{path}');
    const operations = (paths[path] ??= {});
    operations[route.method.toLowerCase()] = operation(route, path);
    if (route.head === true) operations['head'] = operation(route, path);
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Grove', version: groveVersion(), description: 'The local API of a Grove peer. It answers on loopback only, to the exact Host.' },
    paths,
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'From the file `token` in the state directory.' } }, schemas: { Error: ERROR } },
  };
}

function operation({ does, query, params, body, open, streamsBody, takesForm }: Route, path: string): Schema {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({ name, in: 'path', required: true, schema: property(params, name) ?? { type: 'string' } }));
  const content = streamsBody === true ? '*/*' : takesForm === true ? 'application/x-www-form-urlencoded' : 'application/json';
  const schema = body === undefined ? {} : schemaOf(body);
  return {
    summary: does,
    security: open === true ? [] : [{ token: [] }],
    parameters: [...inPath, ...queryParameters(query)],
    ...(body === undefined && streamsBody !== true ? {} : { requestBody: { required: true, content: { [content]: { schema } } } }),
    responses: {
      '2XX': { description: 'The answer.' },
      default: { description: 'What went wrong.', content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Error' } } } },
    },
  };
}

function queryParameters(query: z.ZodType | undefined): readonly Schema[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(query) as { readonly properties?: Record<string, Schema>; readonly required?: readonly string[] };
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: required.includes(name), schema }));
}

function property(type: z.ZodType | undefined, name: string): Schema | undefined {
  if (type === undefined) return undefined;
  return (schemaOf(type) as { readonly properties?: Record<string, Schema> }).properties?.[name];
}

/** As it travels: `io: 'input'`, before anything is converted. */
function schemaOf(type: z.ZodType): Schema {
  const { $schema: _, ...schema } = z.toJSONSchema(type, { io: 'input', unrepresentable: 'any' });
  return schema;
}
