/**
 * A service's OpenAPI document, made of what its operations are made of: `route()` definitions, their schemas and the service's words
 * for errors. Nothing in it is written by hand, so it cannot say what the program does not.
 *
 * Microversions follow the way of the OpenStack community's own documents: `x-openstack` beside an operation, a parameter, a schema or
 * one of its fields has `min-ver` and `max-ver`; an operation that differs between versions has one schema per span under `anyOf`.
 * @see https://spec.openapis.org/oas/v3.1.1.html
 */
import { STATUS_CODES } from 'node:http';
import type { PolicyRule } from '../auth/policy.ts';
import { type ErrorStyle, sentencesOf, type WireError } from './envelope.ts';
import { formatMicroversion, type Microversion, type MicroversionRange, parseMicroversion } from './microversion.ts';
import type { Route } from './route.ts';

export interface ServiceDescription {
  /** The catalog's service type: `compute`. */
  readonly type: string;
  readonly routes: readonly Route[];
  readonly style: ErrorStyle;
  /** Default rules, by which the operations' policies are explained. */
  readonly rules: readonly PolicyRule[];
  readonly microversions: MicroversionRange | undefined;
}

export type Json = Readonly<Record<string, unknown>>;

export interface OpenApiDocument extends Json {
  readonly openapi: '3.1.1';
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** What can go wrong with any request, and what each needs to be possible. */
const ERROR_STATUSES = [400, 401, 403, 404, 406, 409, 413, 415, 500] as const;
const BODY_METHODS = new Set(['POST', 'PUT', 'PATCH']);

/** Where OpenAPI documents are served, beside each service's own paths. */
export const OPENAPI_PATH = '/openapi.json';

/**
 * Describes a service.
 * @param serverUrl where the service is, without a slash at the end.
 */
export function describeService(service: ServiceDescription, serverUrl: string): OpenApiDocument {
  const routes = service.routes.filter((route) => route.aliasOf === undefined);
  const groups = [...Map.groupBy(routes, ({ path }) => templateOf(path)).values()];
  const paths = Object.fromEntries(
    groups.map((group) => [templatePath(group[0]?.path ?? '/'), pathItem(service, group)]),
  );
  return {
    openapi: '3.1.1',
    info: {
      title: `Pileus ${service.type}`,
      summary: `The OpenStack ${service.type} API of this cloud.`,
      description: introduction(service),
      version: service.microversions?.max ?? mainVersion(routes),
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: serverUrl === '' ? '/' : serverUrl }],
    security: [{ token: [] }],
    tags: [...new Set(routes.map(tagOf))].toSorted().map((name) => ({ name })),
    paths: { ...paths, ...ownPaths() },
    components: {
      securitySchemes: {
        token: { type: 'apiKey', in: 'header', name: 'X-Auth-Token', description: 'A token of the identity service.' },
      },
      parameters:
        service.microversions === undefined ? {} : { microversion: microversionParameter(service.microversions) },
      headers: { requestId: { description: 'Names this request in the log.', schema: { type: 'string' } } },
      responses: errorResponses(service),
    },
  };
}

/** The path as OpenAPI writes it: `/v2.1/servers/{serverId}`. */
export function templatePath(path: string): string {
  return path.replace(/:([A-Za-z_]\w*)/g, '{$1}').replace('*', '{path}');
}

/** Paths that differ in the names of their variables only are one path to OpenAPI. */
function templateOf(path: string): string {
  return path.replace(/:\w+/g, ':');
}

/** Every operation of one path. Variables have the names of the first route. */
function pathItem(service: ServiceDescription, group: readonly Route[]): Json {
  const path = group[0]?.path ?? '/';
  const byMethod = new Map<string, Route[]>();
  for (const route of group) {
    for (const method of route.methods) {
      const key = method.toLowerCase();
      if (PATH_ITEM_METHODS.has(key)) byMethod.set(key, [...(byMethod.get(key) ?? []), route]);
    }
  }
  const variables = [...path.matchAll(/:([A-Za-z_]\w*)/g)].map((match) => match[1]);
  if (path.includes('*')) variables.push('path');
  const others = service.routes.filter(({ aliasOf }) => aliasOf === path).map((route) => templatePath(route.path));
  return {
    ...(variables.length === 0
      ? {}
      : {
          parameters: variables.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
        }),
    ...(others.length === 0 ? {} : { 'x-also-at': [...new Set(others)] }),
    ...Object.fromEntries([...byMethod].map(([method, routes]) => [method, operation(service, method, routes)])),
  };
}

/** The methods that OpenAPI 3.1 knows; COPY is none of them. */
const PATH_ITEM_METHODS = new Set(['get', 'head', 'post', 'put', 'patch', 'delete']);

/** One operation: several routes when microversions changed it. */
function operation(service: ServiceDescription, method: string, routes: readonly Route[]): Json {
  const ordered = routes.toSorted((a, b) => (a.since ?? 0) - (b.since ?? 0));
  const newest = ordered.at(-1);
  if (newest === undefined) return {};
  const policies = policiesOf(service, ordered);
  const span = wholeSpan(ordered);
  const isVersioned =
    service.microversions !== undefined && newest.auth !== 'none' && newest.fixedVersion === undefined;
  const parameters = [
    ...(isVersioned ? [{ $ref: '#/components/parameters/microversion' }] : []),
    ...queryParameters(ordered),
  ];
  return {
    operationId: operationId(service, method, newest),
    summary: newest.documents?.().summary ?? summaryOf(newest.name),
    description: [
      spanSentence(span),
      ...policies.map(({ rule, check }) => `Policy \`${rule}\`, by default \`${check === '' ? 'anybody' : check}\`.`),
    ]
      .filter((sentence) => sentence !== '')
      .join(' '),
    tags: [tagOf(newest)],
    ...(newest.auth === 'token' ? {} : { security: newest.auth === 'none' ? [] : [{}, { token: [] }] }),
    ...(span === undefined ? {} : { 'x-openstack': span }),
    ...(policies.length === 0 ? {} : { 'x-policy': policies }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...requestBody(ordered),
    responses: responses(service, method, ordered),
  };
}

interface PolicyNote {
  readonly rule: string;
  readonly check: string;
  readonly scopes?: readonly string[];
}

function policiesOf({ rules }: ServiceDescription, routes: readonly Route[]): PolicyNote[] {
  const names = new Set(
    routes.flatMap(({ policy, documents }) => [
      ...(policy === undefined ? [] : [policy]),
      ...(documents?.().policies ?? []),
    ]),
  );
  return [...names].map((name) => {
    const known = rules.find((rule) => rule.name === name);
    if (known === undefined) throw new Error(`an operation names the policy ${name}, which is not there`);
    return { rule: name, check: known.check, ...(known.scopes === undefined ? {} : { scopes: known.scopes }) };
  });
}

function queryParameters(routes: readonly Route[]): Json[] {
  const found = new Map<string, Json>();
  for (const { query, documents } of routes) {
    for (const schema of [query, documents?.().query]) {
      for (const [name, field] of Object.entries(propertiesOf(schema))) {
        const required = (schema as { required?: readonly string[] }).required?.includes(name) === true;
        const { 'x-openstack': span, description, ...rest } = convert(field) as Json;
        found.set(name, {
          name,
          in: 'query',
          ...(required ? { required } : {}),
          ...(description === undefined ? {} : { description }),
          schema: rest,
          ...(span === undefined ? {} : { 'x-openstack': span }),
        });
      }
    }
  }
  return [...found.values()];
}

function propertiesOf(schema: unknown): Json {
  const { properties, allOf } = (schema ?? {}) as { properties?: Json; allOf?: readonly unknown[] };
  return Object.assign({}, properties, ...(allOf ?? []).map(propertiesOf)) as Json;
}

function requestBody(routes: readonly Route[]): Json {
  const bodies = routes.filter(
    ({ body, bodyKind, documents }) => body !== undefined || documents?.().body !== undefined || bodyKind !== 'json',
  );
  const newest = bodies.at(-1);
  if (newest === undefined) return {};
  if (newest.bodyKind !== 'json') {
    const types = newest.consumes.length > 0 ? newest.consumes : ['application/octet-stream'];
    return { requestBody: { content: Object.fromEntries(types.map((type) => [type, {}])) } };
  }
  const schema = oneSchema(bodies, ({ documents, body }) => documents?.().body ?? body);
  const types = ['application/json', ...newest.consumes];
  return {
    requestBody: { required: true, content: Object.fromEntries(types.map((type) => [type, { schema }])) },
  };
}

/** The schema of all variants of an operation, each with its span of microversions. */
function oneSchema(routes: readonly Route[], pick: (route: Route) => unknown): unknown {
  const variants = routes.map((route) => {
    const span = spanOf(route);
    const schema = convert(pick(route) ?? {}) as Json;
    return routes.length === 1 || span === undefined ? schema : { ...schema, 'x-openstack': span };
  });
  return variants.length === 1 ? variants[0] : { anyOf: variants };
}

function responses(service: ServiceDescription, method: string, routes: readonly Route[]): Json {
  const answers = Map.groupBy(routes, ({ status }) => status);
  const errors = errorsOf(service, method, routes).map((status) => [
    status,
    { $ref: `#/components/responses/error${status}` },
  ]);
  return {
    ...Object.fromEntries([...answers].map(([status, same]) => [status, success(method, status, same)])),
    ...Object.fromEntries(errors),
  };
}

function success(method: string, status: number, routes: readonly Route[]): Json {
  const described = routes.filter((route) => responseOf(route) !== undefined);
  const hasBody = described.length > 0 && method !== 'head' && status !== 204;
  return {
    description: STATUS_CODES[status] ?? 'Success',
    headers: { 'x-openstack-request-id': { $ref: '#/components/headers/requestId' } },
    ...(hasBody ? { content: { 'application/json': { schema: oneSchema(described, responseOf) } } } : {}),
  };
}

function responseOf({ response, documents }: Route): unknown {
  return response ?? documents?.().response;
}

function errorsOf({ microversions }: ServiceDescription, method: string, routes: readonly Route[]): number[] {
  const hasBody = routes.some(({ body, bodyKind }) => body !== undefined || bodyKind !== 'json');
  const can: Readonly<Record<(typeof ERROR_STATUSES)[number], boolean>> = {
    400: hasBody || routes.some(({ query, documents }) => (query ?? documents?.().query) !== undefined),
    401: routes.some(({ auth }) => auth !== 'none'),
    403: routes.some(({ auth }) => auth === 'token'),
    404: routes.some(({ path, since, before }) => path.includes(':') || (since ?? before) !== undefined),
    406: microversions !== undefined && routes.some(({ auth }) => auth !== 'none'),
    409: BODY_METHODS.has(method.toUpperCase()) || method === 'delete',
    413: hasBody,
    415: hasBody,
    500: true,
  };
  return ERROR_STATUSES.filter((status) => can[status]);
}

/** Every error as this service wraps it: what its own envelope makes of one, and the shape of that. */
function errorResponses({ style, microversions }: ServiceDescription): Json {
  const sentences = sentencesOf(style);
  const messages: Readonly<Record<number, string>> = {
    401: sentences.unauthorized,
    404: sentences.notFound,
    413: sentences.tooLarge,
    415: sentences.unsupportedMediaType,
    500: sentences.internal,
  };
  const entries = ERROR_STATUSES.map((status) => {
    const wire: WireError = {
      status,
      code: `example.${status}`,
      message: messages[status] ?? `What is wrong, in a sentence (${STATUS_CODES[status]}).`,
      type: undefined,
      requestId: 'req-00000000-0000-0000-0000-000000000000',
      accept: 'application/json',
      version: undefined,
    };
    const newest = microversions === undefined ? undefined : parseMicroversion(microversions.max);
    const { contentType, body } = style.envelope({ ...wire, version: newest });
    const type = contentType.split(';', 1)[0] ?? contentType;
    const read = (text: string): unknown => (type.endsWith('json') ? JSON.parse(text) : text);
    const schema = shapeOf(read(body), read(style.envelope(wire).body));
    const content = { [type]: { schema, example: read(body) } };
    return [`error${status}`, { description: STATUS_CODES[status], content }];
  });
  return Object.fromEntries(entries) as Json;
}

/** The schema that an example fits; fields that `least`, another example, has as well are always there. */
function shapeOf(value: unknown, least: unknown): Json {
  if (Array.isArray(value)) return { type: 'array', items: shapeOf(value[0], (least as readonly unknown[])[0]) };
  if (typeof value !== 'object' || value === null)
    return { type: typeof value === 'number' ? 'integer' : typeof value };
  const always = (least ?? {}) as Json;
  return {
    type: 'object',
    required: Object.keys(value).filter((name) => Object.hasOwn(always, name)),
    properties: Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, shapeOf(item, always[name] ?? item)]),
    ),
  };
}

/** One of our schemas in the words of OpenAPI 3.1: plain JSON Schema 2020-12, versions as `x-openstack`. */
function convert(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(convert);
  if (typeof node !== 'object' || node === null) return node;
  const { 'x-since': since, 'x-before': before, items, additionalItems, ...rest } = node as Record<string, unknown>;
  const span = spanOf({
    since: typeof since === 'string' ? parseMicroversion(since) : undefined,
    before: typeof before === 'string' ? parseMicroversion(before) : undefined,
  });
  const copy: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(rest)) {
    if (value === undefined || typeof value === 'function') continue;
    if (key === 'properties' || key === 'patternProperties') {
      const fields = Object.entries(value as Json).map(([name, field]) => [name, convert(field)]);
      copy[key] = Object.fromEntries(fields);
    } else {
      copy[key] = key === 'enum' || key === 'const' || key === 'default' ? value : convert(value);
    }
  }
  if (Array.isArray(items)) {
    copy['prefixItems'] = items.map(convert);
    if (additionalItems !== undefined) copy['items'] = convert(additionalItems);
  } else if (items !== undefined) copy['items'] = convert(items);
  if (span === undefined) return copy;
  return {
    ...copy,
    description: [copy['description'], spanSentence(span)].filter(Boolean).join(' '),
    'x-openstack': span,
  };
}

interface Span {
  readonly 'min-ver'?: string;
  readonly 'max-ver'?: string;
}

function spanOf(route: {
  readonly since: Microversion | undefined;
  readonly before: Microversion | undefined;
}): Span | undefined {
  const { since, before } = route;
  if (since === undefined && before === undefined) return undefined;
  return {
    ...(since === undefined ? {} : { 'min-ver': formatMicroversion(since) }),
    ...(before === undefined ? {} : { 'max-ver': formatMicroversion(before - 1) }),
  };
}

/** From the first version of the first variant to the last of the last. */
function wholeSpan(ordered: readonly Route[]): Span | undefined {
  return spanOf({ since: ordered[0]?.since, before: ordered.at(-1)?.before });
}

function spanSentence(span: Span | undefined): string {
  const { 'min-ver': min, 'max-ver': max } = span ?? {};
  if (min !== undefined && max !== undefined) return `In microversions ${min} to ${max}.`;
  if (min !== undefined) return `New in microversion ${min}.`;
  return max === undefined ? '' : `Until microversion ${max}.`;
}

/** Unique in the document: names are unique but for a few that stand at several paths, or under two methods. */
function operationId(service: ServiceDescription, method: string, route: Route): string {
  const isAlone = service.routes.every(
    (other) =>
      other.name !== route.name || other.aliasOf !== undefined || templateOf(other.path) === templateOf(route.path),
  );
  const isOneMethod =
    isAlone &&
    new Set(service.routes.filter(({ name }) => name === route.name).flatMap(({ methods }) => methods)).size === 1;
  return isOneMethod ? route.name : `${route.name}:${method}:${route.path}`;
}

/** `createServerGroup` as `Create server group`. */
function summaryOf(name: string): string {
  const text = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/[-_:]/g, ' ')
    .toLowerCase();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The noun that a path is about: its first part below the API's version. */
function tagOf({ path }: Route): string {
  const parts = path.split('/').filter((part) => part !== '' && !/^v\d/.test(part) && !part.startsWith(':'));
  return parts[0] ?? 'versions';
}

function mainVersion(routes: readonly Route[]): string {
  const versions = routes.map(({ path }) => /^\/(v\d[\d.]*)/.exec(path)?.[1] ?? '');
  return (
    versions
      .filter((version) => version !== '')
      .toSorted()
      .at(-1) ?? 'v1'
  );
}

function microversionParameter({ serviceType, min, max }: MicroversionRange): Json {
  return {
    name: 'OpenStack-API-Version',
    in: 'header',
    description: `The microversion that the request speaks: from ${min}, which is meant when nothing is said, to ${max}, or \`latest\`.`,
    schema: { type: 'string', pattern: `^${serviceType} (latest|\\d+\\.\\d+)$` },
    example: `${serviceType} ${max}`,
  };
}

function introduction({ type, microversions }: ServiceDescription): string {
  const versions =
    microversions === undefined
      ? ''
      : ` Microversions ${microversions.min} to ${microversions.max}, asked for with the header \`OpenStack-API-Version\`: what has \`x-openstack\` beside it is there from \`min-ver\` to \`max-ver\` only.`;
  return `Made from the definitions that the service checks requests by.${versions} \`x-policy\` names the rules that an operation is held to, with their defaults; \`config/${type}/policy.yaml\` of the cloud's folder overrides them. \`x-also-at\` lists paths by which the same can be reached.`;
}

/** What every service has beside its API. */
function ownPaths(): OpenApiDocument['paths'] {
  const plain = (operationId: string, summary: string, type: string): Json => ({
    get: {
      operationId,
      summary,
      security: [],
      tags: ['about'],
      responses: { 200: { description: 'OK', content: { [type]: {} } } },
    },
  });
  return {
    '/healthcheck': plain('checkHealth', 'Whether the service can do its work', 'text/plain'),
    [OPENAPI_PATH]: plain('showOpenApi', 'This document', 'application/json'),
  };
}
