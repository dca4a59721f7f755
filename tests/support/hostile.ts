/**
 * Requests as somebody hostile, or a broken client, would send them: made from an operation's own schema, so that they come
 * close enough to be taken seriously, and then spoilt.
 */
import fc from 'fast-check';
import { formatMicroversion, type Microversion } from '#kernel/api/microversion.ts';
import type { Route } from '#kernel/api/route.ts';
import { schemaAt } from '#kernel/api/schema.ts';

export interface HostileRequest {
  readonly route: string;
  readonly method: string;
  /** Path and query, as they go over the wire. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** As it goes over the wire; undefined is no body. */
  readonly body: string | undefined;
}

/** What the generator may know of the cloud: ids that exist, by the collection that they were made in. */
export type KnownIds = (collection: string) => readonly string[];

const NIL = '00000000-0000-0000-0000-000000000000';

/** Texts that some layer below has been known to stumble over. */
const NASTY_TEXTS: readonly string[] = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  'null',
  'None',
  '-1',
  '0',
  '1e309',
  '..',
  '../../../../etc/passwd',
  '..%2f..%2fetc%2fpasswd',
  '/etc/passwd',
  "'; DROP TABLE servers; --",
  '" OR ""="',
  '$(touch /tmp/x)',
  '`id`',
  '%s%s%s%n',
  '${7*7}{{7*7}}',
  '<script>alert(1)</script>',
  '\r\nX-Injected: 1',
  'name\nnewline',
  '\u202Eabc\u200B',
  '💥'.repeat(64),
  'é'.repeat(255),
  'ß'.repeat(256),
  '\uD800',
  'a'.repeat(256),
  'a'.repeat(5_000),
  NIL,
  NIL.replaceAll('-', ''),
  '0.0.0.0/0',
  '10.0.0.0/33',
  '10.0.0.1/24',
  '256.1.1.1',
  '::/0',
  '::/129',
  'fe80::1%eth0',
  '::ffff:10.0.0.1',
  'ff:ff:ff:ff:ff:ff',
  '00:00:00:00:00:00',
  '2026-02-30T25:61:61Z',
  '-271821-04-20T00:00:00Z',
  '9999-12-31T23:59:59.999999Z',
  'constructor',
  '__proto__',
  'toString',
  '[[[[[',
  'in:',
  'in:a,"b',
  'gt:',
  '*',
  '%',
  '_',
];

const NASTY_NUMBERS: readonly number[] = [
  -1,
  0,
  1,
  -0.5,
  1.5,
  65_535,
  65_536,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31) - 1,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 63,
  1e308,
  -1e308,
];

/** JSON that no object of ours would turn into. */
const RAW_BODIES: readonly string[] = [
  '',
  'null',
  '[]',
  '{}',
  '""',
  '0',
  'true',
  '{',
  '{"a":}',
  '{"a":1e999}',
  '{"__proto__":{"isAdmin":true}}',
  '{"constructor":{"prototype":{"isAdmin":true}}}',
  '{"a":1,"a":2}',
  '\uFEFF{}',
  '\u0000',
  'a=b&c=d',
  '<xml/>',
  `${'['.repeat(200)}${']'.repeat(200)}`,
  `${'{"a":'.repeat(70)}1${'}'.repeat(70)}`,
  `{"a":"${'x'.repeat(200_000)}"}`,
];

/** One hostile request to one operation, at one of its microversions. */
export function hostileRequest(
  route: Route,
  known: KnownIds,
  range: { readonly type: string; readonly versions: readonly Microversion[] },
): fc.Arbitrary<HostileRequest> {
  const version = range.versions.length === 0 ? fc.constant(undefined) : fc.constantFrom(...range.versions);
  return version.chain((at) =>
    fc
      .record({
        method: fc.constantFrom(...route.methods),
        path: hostilePath(route.path, known),
        query: hostileQuery(route.query === undefined ? undefined : schemaAt(route.query, at), known),
        body: hostileBody(route, at, known),
        headers: hostileHeaders(),
      })
      .map(({ method, path, query, body, headers }) => ({
        route: route.name,
        method,
        path: path + query,
        headers: {
          ...(at === undefined ? {} : { 'openstack-api-version': `${range.type} ${formatMicroversion(at)}` }),
          ...headers,
        },
        body: method === 'GET' || method === 'HEAD' ? undefined : body,
      })),
  );
}

function hostileHeaders(): fc.Arbitrary<Record<string, string>> {
  const honest = fc.constant<Record<string, string>>({ 'content-type': 'application/json' });
  const odd = fc.constantFrom<Record<string, string>>(
    { 'content-type': 'application/xml' },
    { 'content-type': 'application/json; charset=utf-16' },
    { 'content-type': ';;;' },
    { 'content-type': 'application/json', accept: 'text/xml' },
    { 'content-type': 'application/json', 'x-openstack-request-id': '../../x' },
    { 'content-type': 'application/octet-stream' },
    { 'content-type': 'application/openstack-images-v2.1-json-patch' },
    { 'content-type': 'application/json', 'openstack-api-version': 'compute 99.99' },
    { 'content-type': 'application/json', 'openstack-api-version': 'compute banana, placement 1.1.1' },
    { 'content-type': 'application/json', 'x-openstack-nova-api-version': '-2.1' },
    { 'content-type': 'application/json', 'x-auth-token': 'gAAAAA' },
    { 'content-type': 'application/json', range: 'bytes=9999999999999999999-' },
    { 'content-type': 'application/json', 'x-subject-token': '%00' },
  );
  return fc.oneof({ arbitrary: honest, weight: 9 }, { arbitrary: odd, weight: 1 });
}

function hostilePath(path: string, known: KnownIds): fc.Arbitrary<string> {
  const parts = path.split('/').slice(1);
  const written = parts.map((part, i) => {
    if (!part.startsWith(':') && part !== '*') return fc.constant(part);
    return hostileParam(known(parts[i - 1] ?? ''));
  });
  return fc.tuple(...written).map((texts) => `/${texts.join('/')}`);
}

function hostileParam(ids: readonly string[]): fc.Arbitrary<string> {
  const nasty = fc.oneof(
    fc.constantFrom(...NASTY_TEXTS.filter((text) => text !== '')).map(encodePart),
    fc.constantFrom(
      '%',
      '%zz',
      '%c0%ae',
      '%00',
      '..%2f..',
      '%2e%2e%2fx',
      '%ff',
      'a%0d%0ab',
      '.',
      '..',
      `${'a'.repeat(1_100)}`,
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).map(encodePart),
  );
  const plausible = fc.constantFrom(NIL, NIL.replaceAll('-', ''), '1', 'detail');
  if (ids.length === 0) return fc.oneof(nasty, plausible);
  return fc.oneof(
    { arbitrary: fc.constantFrom(...ids).map(encodePart), weight: 3 },
    { arbitrary: nasty, weight: 1 },
    plausible,
  );
}

/** Percent-encodes as a client would; lone surrogates, which have no encoding, become U+FFFD. */
function encodePart(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll("'", '%27');
}

function hostileQuery(schema: unknown, known: KnownIds): fc.Arbitrary<string> {
  const { properties } = (schema ?? {}) as { properties?: Record<string, unknown> };
  const names = [
    ...Object.keys(properties ?? {}),
    'limit',
    'marker',
    'sort_key',
    'sort_dir',
    'fields',
    'name',
    'nonsense',
    '__proto__',
    'a[b]',
  ];
  const value = fc.oneof(
    fc.constantFrom(...NASTY_TEXTS).map(encodePart),
    fc.constantFrom('%', '%zz', '%00', '%ff', '+', '&&', '='),
    fc.constantFrom('1', '-1', '0', '99999999999999999999', 'true', 'False', NIL, ...known('').map(encodePart)),
  );
  const pair = fc.tuple(fc.constantFrom(...names), value).map(([name, text]) => `${encodeURIComponent(name)}=${text}`);
  const some = fc.array(pair, { minLength: 1, maxLength: 4 }).map((pairs) => `?${pairs.join('&')}`);
  const rest = fc.constantFrom('', '?', '?&', '?=', `?${'a=b&'.repeat(300)}`, `?x=${'y'.repeat(20_000)}`);
  return fc.oneof(
    { arbitrary: fc.constant(''), weight: 4 },
    { arbitrary: some, weight: 4 },
    { arbitrary: rest, weight: 1 },
  );
}

function hostileBody(route: Route, at: Microversion | undefined, known: KnownIds): fc.Arbitrary<string | undefined> {
  const raw = fc.constantFrom(...RAW_BODIES);
  if (route.body === undefined) return fc.oneof({ arbitrary: fc.constant(undefined), weight: 3 }, raw);
  const good = fromSchema(schemaAt(route.body, at), known);
  const spoilt = fc.tuple(good, fc.array(spoiling, { minLength: 1, maxLength: 3 })).map(([value, changes]) => {
    let whole = value;
    for (const change of changes) whole = spoil(whole, change);
    return whole;
  });
  const text = (value: unknown): string => JSON.stringify(value);
  return fc.oneof(
    { arbitrary: good.map(text), weight: 3 },
    { arbitrary: spoilt.map(text), weight: 6 },
    { arbitrary: raw, weight: 1 },
  );
}

/** Where to spoil a value, counted over its nodes, and what to put there. */
interface Spoiling {
  readonly node: number;
  readonly how: 'replace' | 'remove' | 'add' | 'wrap';
  readonly value: unknown;
}

const nastyValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(...NASTY_TEXTS),
  fc.constantFrom<unknown>(...NASTY_NUMBERS),
  fc.constantFrom<unknown>(null, true, false, [], {}, [null], [[]], [{}], { a: {} }, ['a', 'a']),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constant(Array.from({ length: 500 }, (_, i) => `item-${i}`)),
  fc.constant(nest(40)),
);

const spoiling: fc.Arbitrary<Spoiling> = fc.record({
  node: fc.nat(40),
  how: fc.constantFrom('replace', 'replace', 'replace', 'remove', 'add', 'wrap'),
  value: nastyValue,
});

function nest(depth: number): unknown {
  let value: unknown = 'deep';
  for (let i = 0; i < depth; i++) value = { a: value };
  return value;
}

function spoil(root: unknown, { node, how, value }: Spoiling): unknown {
  const size = countNodes(root);
  let at = node % size;
  const visit = (current: unknown): unknown => {
    if (at-- === 0) return spoilNode(current, how, value);
    if (Array.isArray(current)) return current.map(visit).filter((item) => item !== REMOVED);
    if (typeof current !== 'object' || current === null) return current;
    return Object.fromEntries(
      Object.entries(current)
        .map(([key, item]) => [key, visit(item)] as const)
        .filter(([, item]) => item !== REMOVED),
    );
  };
  const changed = visit(root);
  return changed === REMOVED ? null : changed;
}

const REMOVED = Symbol('removed');

function spoilNode(current: unknown, how: Spoiling['how'], value: unknown): unknown {
  if (how === 'remove') return REMOVED;
  if (how === 'wrap') return [current];
  if (how === 'add' && typeof current === 'object' && current !== null && !Array.isArray(current))
    return { ...current, [typeof value === 'string' ? value : 'unknown']: value };
  return value;
}

function countNodes(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  return 1 + Object.values(value).reduce<number>((sum, item) => sum + countNodes(item), 0);
}

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly format?: string;
  readonly minProperties?: number;
  readonly maxProperties?: number;
}

/** A value that fits a schema, as good as it goes: patterns are guessed at. */
function fromSchema(schema: unknown, known: KnownIds, depth = 0): fc.Arbitrary<unknown> {
  const s = (schema ?? {}) as JsonSchema;
  if ('const' in s) return fc.constant(s.const);
  if (s.enum !== undefined && s.enum.length > 0) return fc.constantFrom(...s.enum);
  const branches = s.anyOf ?? s.oneOf;
  if (branches !== undefined && branches.length > 0 && depth < 8)
    return fc.oneof(...branches.map((branch) => fromSchema(branch, known, depth + 1)));
  if (s.allOf?.[0] !== undefined) return fromSchema(s.allOf[0], known, depth + 1);
  const types = [s.type ?? (s.properties === undefined ? 'string' : 'object')].flat();
  return fc.oneof(...types.map((type) => ofType(type, s, known, depth)));
}

function ofType(type: string, s: JsonSchema, known: KnownIds, depth: number): fc.Arbitrary<unknown> {
  if (type === 'object') return objectOf(s, known, depth);
  if (type === 'array') {
    const minLength = Math.min(s.minItems ?? 0, 5);
    return fc.array(fromSchema(s.items, known, depth + 1), {
      minLength,
      maxLength: Math.max(minLength, Math.min(s.maxItems ?? 3, 3)),
    });
  }
  if (type === 'integer')
    return fc.integer({ min: Math.max(s.minimum ?? 0, -(2 ** 31)), max: Math.min(s.maximum ?? 64, 2 ** 31) });
  if (type === 'number') return fc.double({ min: s.minimum ?? 0, max: s.maximum ?? 64, noNaN: true });
  if (type === 'boolean') return fc.boolean();
  if (type === 'null') return fc.constant(null);
  return textOf(s, known);
}

function objectOf(s: JsonSchema, known: KnownIds, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const required = new Set(s.required);
  const names = Object.keys(s.properties ?? {});
  const entries = names.map((name) => {
    const value = fromSchema(s.properties?.[name], known, depth + 1);
    const chance = s.maxProperties === undefined ? 4 : Math.max(names.length, 2);
    return required.has(name) ? value : fc.option(value, { nil: undefined, freq: depth > 5 ? 1 : Math.min(chance, 2) });
  });
  return fc
    .tuple(...entries)
    .map((values) =>
      Object.fromEntries(names.map((name, i) => [name, values[i]]).filter(([, value]) => value !== undefined)),
    )
    .map((value: Record<string, unknown>) => {
      const keys = Object.keys(value);
      if (s.maxProperties === undefined || keys.length <= s.maxProperties) return value;
      return Object.fromEntries(keys.slice(0, s.maxProperties).map((key) => [key, value[key]]));
    });
}

const FORMATS: Readonly<Record<string, readonly string[]>> = {
  ipv4: ['10.0.0.1', '192.0.2.77'],
  ipv6: ['2001:db8::1'],
  ip: ['10.0.0.1', '2001:db8::1'],
  cidr: ['10.9.0.0/24', '2001:db8::/64'],
  'mac-address': ['fa:16:3e:00:00:01'],
  'date-time': ['2026-01-01T00:00:00Z', '2030-01-01T00:00:00.000000Z'],
  date: ['2026-01-01'],
  base64: ['aGVsbG8='],
  uri: ['http://192.0.2.1/x'],
  uuid: [NIL],
  'uuid-like': [NIL],
};

function textOf(s: JsonSchema, known: KnownIds): fc.Arbitrary<string> {
  const ids = known('');
  const formatted = FORMATS[s.format ?? ''];
  if (formatted !== undefined)
    return fc.constantFrom(...formatted, ...(s.format?.startsWith('uuid') === true ? ids : []));
  const minLength = Math.min(s.minLength ?? 0, 300);
  const maxLength = Math.max(minLength, Math.min(s.maxLength ?? 20, 300));
  const word = fc
    .constantFrom('name', 'x1', 'default', 'tcp', 'IPv4', '10.9.0.0/24', ...ids)
    .map((text) => text.padEnd(minLength, 'x'));
  return fc.oneof({ arbitrary: word, weight: 3 }, fc.string({ minLength, maxLength }));
}
