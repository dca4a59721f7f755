/**
 * The kinds of values that attributes take, each with its reader: it returns the value in the form we keep, or refuses
 * it in neutron's words.
 * @see https://opendev.org/openstack/neutron-lib/src/branch/master/neutron_lib/api/validators/__init__.py
 */
import { python } from '#kernel/api/validate.ts';
import { isUuidLike } from '#kernel/ids.ts';
import { canonicalAddress, formatCidr, isMacAddress, parseAddress, parseCidr } from '#kernel/net.ts';
import { invalidInput } from '../errors.ts';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** Says why a value is no good; the attribute's name is put around the reason. */
export type Refuse = (reason: string) => never;

export interface AttributeType<T> {
  /** What it takes and shows, as JSON Schema: for documents. */
  readonly schema: JsonSchema;
  read(value: unknown, refuse: Refuse): T;
}

/** Longest name, description, tag owner and the like (`NAME_FIELD_SIZE`). */
const MAX_TEXT = 255;
/** Items of any list in a body. Real uses stay far below; what the noun allows is checked by it. */
const MAX_LIST = 1_024;

const IP_SCHEMA: JsonSchema = {
  anyOf: [
    { type: 'string', format: 'ipv4' },
    { type: 'string', format: 'ipv6' },
  ],
};
const CIDR_SCHEMA: JsonSchema = { type: 'string', format: 'cidr' };

function nullable(schema: JsonSchema): JsonSchema {
  return { anyOf: [schema, { type: 'null' }] };
}

/** A value inside a sentence, cut to what a sentence can bear. */
export function shown(value: unknown): string {
  return (typeof value === 'string' ? value : python(value)).slice(0, 200);
}

function quoted(value: unknown): string {
  return `'${shown(value)}'`;
}

function readText(value: unknown, max: number, refuse: Refuse): string {
  if (typeof value !== 'string') refuse(`${quoted(value)} is not a valid string`);
  const text = value as string;
  if (text.length > max) refuse(`${quoted(text)} exceeds maximum length of ${max}`);
  if (text.includes('\0')) refuse(`${quoted(text)} contains a NUL character`);
  return text;
}

export function text(max: number = MAX_TEXT): AttributeType<string> {
  return { schema: { type: 'string', maxLength: max }, read: (value, refuse) => readText(value, max, refuse) };
}

export function textOrNull(max: number = MAX_TEXT): AttributeType<string | null> {
  return {
    schema: { type: ['string', 'null'], maxLength: max },
    read: (value, refuse) => (value === null ? null : readText(value, max, refuse)),
  };
}

export const notEmptyText: AttributeType<string> = {
  schema: { type: 'string', minLength: 1, maxLength: MAX_TEXT },
  read: (value, refuse) => {
    const read = readText(value, MAX_TEXT, refuse);
    return read.trim() === '' ? refuse(`'${read}' Blank strings are not permitted`) : read;
  },
};

export const uuid: AttributeType<string> = {
  schema: { type: 'string', format: 'uuid' },
  read: (value, refuse) =>
    typeof value === 'string' && isUuidLike(value) ? value : refuse(`${quoted(value)} is not a valid UUID`),
};

export const uuidOrNull: AttributeType<string | null> = {
  schema: nullable({ type: 'string', format: 'uuid' }),
  read: (value, refuse) => (value === null ? null : uuid.read(value, refuse)),
};

/** neutron's `convert_to_boolean`: nothing but these eight spellings; `"FALSE"` is false, not a true text. */
export function readBoolean(value: unknown): boolean {
  const spelled = typeof value === 'string' ? value.toLowerCase() : value;
  if (spelled === true || spelled === 1 || spelled === 'true' || spelled === '1') return true;
  if (spelled === false || spelled === 0 || spelled === 'false' || spelled === '0') return false;
  throw invalidInput(`${quoted(value)} cannot be converted to boolean`);
}

export const boolean: AttributeType<boolean> = { schema: { type: 'boolean' }, read: (value) => readBoolean(value) };

export function readInteger(value: unknown): number {
  const number = typeof value === 'string' && /^\s*[-+]?\d{1,15}\s*$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isSafeInteger(number))
    throw invalidInput(`${quoted(value)} is not an integer`);
  return number;
}

export function integer(min: number, max: number): AttributeType<number> {
  return {
    schema: { type: 'integer', minimum: min, maximum: max },
    read: (value, refuse) => {
      const number = readInteger(value);
      if (number < min) refuse(`'${number}' is too small - must be at least '${min}'`);
      if (number > max) refuse(`'${number}' is too large - must be no larger than '${max}'`);
      return number;
    },
  };
}

export function integerOrNull(min: number, max: number): AttributeType<number | null> {
  const inner = integer(min, max);
  return {
    schema: nullable(inner.schema),
    read: (value, refuse) => (value === null ? null : inner.read(value, refuse)),
  };
}

export function oneOf<const T extends string | number>(...values: readonly T[]): AttributeType<T> {
  return {
    schema: { enum: values },
    read: (value, refuse) =>
      values.find((allowed) => allowed === value) ?? refuse(`${quoted(value)} is not in ${python(values)}`),
  };
}

export const ipVersion: AttributeType<4 | 6> = {
  schema: { enum: [4, 6] },
  read: (value, refuse) => {
    const number = readInteger(value);
    return number === 4 || number === 6 ? number : refuse(`'${number}' is not in [4, 6]`);
  },
};

export const address: AttributeType<string> = {
  schema: IP_SCHEMA,
  read: (value, refuse) =>
    (typeof value === 'string' ? canonicalAddress(value) : undefined) ??
    refuse(`${quoted(value)} is not a valid IP address`),
};

export const addressOrNull: AttributeType<string | null> = {
  schema: nullable(IP_SCHEMA),
  read: (value, refuse) => (value === null ? null : address.read(value, refuse)),
};

/** A prefix; host bits are cleared, as neutron's converter does. */
export const cidr: AttributeType<string> = {
  schema: CIDR_SCHEMA,
  read: (value, refuse) => {
    const parsed = typeof value === 'string' ? parseCidr(value) : undefined;
    return parsed === undefined ? refuse(`${quoted(value)} is not a valid IP subnet`) : formatCidr(parsed);
  },
};

export const cidrOrNull: AttributeType<string | null> = {
  schema: nullable(CIDR_SCHEMA),
  read: (value, refuse) => (value === null ? null : cidr.read(value, refuse)),
};

/** An address or a prefix, in canonical form; an address stays one. */
export const addressOrCidr: AttributeType<string> = {
  schema: { anyOf: [IP_SCHEMA, CIDR_SCHEMA] },
  read: (value, refuse) => {
    if (typeof value !== 'string') return refuse(`${quoted(value)} is not a valid IP subnet`);
    return value.includes('/') ? cidr.read(value, refuse) : address.read(value, refuse);
  },
};

export const macAddress: AttributeType<string> = {
  schema: { type: 'string', format: 'mac-address' },
  read: (value, refuse) => {
    const mac = typeof value === 'string' ? value.toLowerCase().replaceAll('-', ':') : '';
    if (!isMacAddress(mac) || mac === '00:00:00:00:00:00') refuse(`${quoted(value)} is not a valid MAC address`);
    return mac;
  },
};

export function list<T>(item: AttributeType<T>, max: number = MAX_LIST): AttributeType<readonly T[]> {
  return {
    schema: { type: 'array', maxItems: max, items: item.schema },
    read: (value, refuse) => {
      if (value === null) return [];
      if (!Array.isArray(value)) return refuse(`${quoted(value)} is not a list`);
      if (value.length > max) refuse(`a list of ${value.length} is too long: no more than ${max} are allowed`);
      return value.map((element) => item.read(element, refuse));
    },
  };
}

/** A list whose items differ from each other. */
export function set<T>(item: AttributeType<T>, max: number = MAX_LIST): AttributeType<readonly T[]> {
  const inner = list(item, max);
  return {
    schema: { ...inner.schema, uniqueItems: true },
    read: (value, refuse) => {
      const read = inner.read(value, refuse);
      const seen = new Set(read.map((element) => JSON.stringify(element)));
      return seen.size === read.length ? read : refuse(`Duplicate items in the list: ${quoted(value)}`);
    },
  };
}

type Shape = Readonly<Record<string, { readonly type: AttributeType<unknown>; readonly required?: boolean }>>;
type Shaped<S extends Shape> = { [K in keyof S]?: S[K]['type'] extends AttributeType<infer T> ? T : never };

function dictionarySchema(shape: Shape): JsonSchema {
  const entries = Object.entries(shape);
  return {
    type: 'object',
    required: entries.filter(([, { required }]) => required === true).map(([name]) => name),
    properties: Object.fromEntries(entries.map(([name, { type }]) => [name, type.schema])),
    additionalProperties: false,
  };
}

/** A dictionary with known keys only. */
export function dictionary<const S extends Shape>(shape: S): AttributeType<Shaped<S>> {
  return {
    schema: dictionarySchema(shape),
    read: (value, refuse) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        return refuse(`${quoted(value)} is not a dictionary`);
      const given = value as Record<string, unknown>;
      const unknown = Object.keys(given).filter((key) => !Object.hasOwn(shape, key));
      if (unknown.length > 0) refuse(`Unexpected keys supplied: ${unknown.join(', ').slice(0, 200)}`);
      const read: Record<string, unknown> = {};
      for (const [key, { type, required }] of Object.entries(shape)) {
        if (Object.hasOwn(given, key)) read[key] = type.read(given[key], refuse);
        else if (required === true)
          refuse(
            `Validation of dictionary's keys failed. Expected keys: {'${key}'} Provided keys: {${Object.keys(given).map(quoted).join(', ').slice(0, 200)}}`,
          );
      }
      return read as Shaped<S>;
    },
  };
}

export function orNull<T>(inner: AttributeType<T>): AttributeType<T | null> {
  return {
    schema: nullable(inner.schema),
    read: (value, refuse) => (value === null ? null : inner.read(value, refuse)),
  };
}

/** JSON of any shape up to a size, kept as it is. */
export function json(maxBytes: number): AttributeType<Readonly<Record<string, unknown>>> {
  return {
    schema: { type: 'object' },
    read: (value, refuse) => {
      if (value === null) return {};
      if (typeof value !== 'object' || Array.isArray(value)) return refuse(`${quoted(value)} is not a dictionary`);
      if (JSON.stringify(value).length > maxBytes) refuse(`the dictionary is larger than ${maxBytes} bytes`);
      return value as Record<string, unknown>;
    },
  };
}

/** One label, or several joined by dots, of a host name; an empty text is none. */
export function dnsName(max: number): AttributeType<string> {
  return {
    schema: { type: 'string', maxLength: max },
    read: (value, refuse) => {
      const name = value === null ? '' : readText(value, max, refuse);
      if (name === '') return name;
      const labels = name.replace(/\.$/, '').split('.');
      const bad = labels.find((label) => !/^(?!-)[a-z0-9-]{1,63}(?<!-)$/i.test(label));
      if (bad !== undefined)
        refuse(
          `'${name}' not a valid PQDN or FQDN. Reason: Name '${bad}' must be 1-63 characters long, each of which can only be alphanumeric or a hyphen`,
        );
      return name;
    },
  };
}

/** The start of one address range and its end. */
export const addressRange = dictionary({
  start: { type: address, required: true },
  end: { type: address, required: true },
});

export const hostRoute = dictionary({
  destination: { type: cidr, required: true },
  nexthop: { type: address, required: true },
});

/** The IP version of an address or prefix that has been read already. */
export function versionOf(canonical: string): 4 | 6 {
  return parseAddress(canonical.split('/', 1)[0] ?? '')?.version ?? 4;
}
