import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { default as addFormats } from 'ajv-formats';
import type { TSchema } from 'typebox';
import { isUuidLike } from '../ids.ts';
import { isCidr, isIpv4, isIpv6, isMacAddress } from '../net.ts';
import type { Microversion } from './microversion.ts';
import { absentFields, breakpoints, schemaAt } from './schema.ts';

/** What is wrong with an input, in the words of the real services (python-jsonschema's). */
export interface InvalidInput {
  /** Dotted, such as `server.name`; empty at the top. */
  readonly path: string;
  /** The value found there. */
  readonly value: unknown;
  /** Such as `'name' is a required property`. */
  readonly message: string;
}

/** Checks a value against the schema of one microversion. */
export type Validator = (value: unknown, version: Microversion | undefined) => InvalidInput | undefined;

const OPTIONS = { strict: false, allErrors: false, removeAdditional: false, useDefaults: true, verbose: true } as const;
/** Bodies are taken as they are; query strings have nothing but text, so numbers and booleans are read from it. */
const bodies = withFormats(new Ajv({ ...OPTIONS, coerceTypes: false }));
const queries = withFormats(new Ajv({ ...OPTIONS, coerceTypes: 'array' }));

function withFormats(ajv: Ajv): Ajv {
  addFormats.default(ajv);
  ajv.addFormat('uuid-like', isUuidLike);
  ajv.addFormat('ipv4', isIpv4);
  ajv.addFormat('ipv6', isIpv6);
  ajv.addFormat('ip', (text: string) => isIpv4(text) || isIpv6(text));
  ajv.addFormat('cidr', isCidr);
  ajv.addFormat('mac-address', isMacAddress);
  ajv.addFormat('base64', (text: string) =>
    /^(?:[A-Za-z0-9+/\s]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\s*$/.test(text),
  );
  return ajv;
}

/**
 * Builds a validator; each version's schema is compiled when it is first asked for. Defaults are filled in. A parameter of a query
 * that a later version brings is taken out, for services let unknown ones pass and handlers look for it by name.
 */
export function createValidator(schema: TSchema, part: 'body' | 'query'): Validator {
  const made = validators[part].get(schema);
  if (made !== undefined) return made;
  const validator = makeValidator(schema, part);
  validators[part].set(schema, validator);
  return validator;
}

/** One for each schema: an operation that stands at several paths has its schema compiled once. */
const validators = { body: new WeakMap<TSchema, Validator>(), query: new WeakMap<TSchema, Validator>() };

function makeValidator(schema: TSchema, part: 'body' | 'query'): Validator {
  const ajv = part === 'body' ? bodies : queries;
  let points: readonly Microversion[] | undefined;
  const compiled = new Map<number, { readonly check: ValidateFunction; readonly absent: readonly string[] }>();
  return (value, version) => {
    points ??= breakpoints(schema);
    const span = version === undefined ? -1 : points.findLastIndex((point) => point <= version);
    let known = compiled.get(span);
    if (known === undefined) {
      const absent = part === 'query' ? absentFields(schema, version) : [];
      known = { check: ajv.compile(schemaAt(schema, version) as object), absent };
      compiled.set(span, known);
    }
    const { check, absent } = known;
    for (const name of absent) Reflect.deleteProperty(value as object, name);
    if (check(value)) return undefined;
    const error = mostTelling(check.errors ?? []);
    return error === undefined ? { path: '', value, message: 'is not valid' } : describe(error);
  };
}

/** Of a failed `anyOf` the deepest branch says most. */
function mostTelling(errors: readonly ErrorObject[]): ErrorObject | undefined {
  const depth = (error: ErrorObject): number => error.instancePath.split('/').length;
  const inner = errors.filter((error) => error.keyword !== 'anyOf' && error.keyword !== 'oneOf');
  const union = errors.find((error) => error.keyword === 'anyOf' || error.keyword === 'oneOf');
  if (union === undefined) return inner[0];
  const deeper = inner.filter((error) => depth(error) > depth(union)).toSorted((a, b) => depth(b) - depth(a))[0];
  return deeper ?? union;
}

function describe(error: ErrorObject): InvalidInput {
  const path = error.instancePath.split('/').slice(1).map(unescapePointer).join('.');
  return { path, value: error.data, message: sentence(error) };
}

function sentence(error: ErrorObject): string {
  const { data } = error;
  const params = error.params as Record<string, unknown>;
  const shown = python(data);
  switch (error.keyword) {
    case 'required':
      return `'${String(params['missingProperty'])}' is a required property`;
    case 'additionalProperties':
      return `Additional properties are not allowed ('${String(params['additionalProperty'])}' was unexpected)`;
    case 'type':
      return `${shown} is not of type ${[params['type']]
        .flat()
        .map((type) => `'${String(type)}'`)
        .join(', ')}`;
    case 'enum':
      return `${shown} is not one of ${python(params['allowedValues'])}`;
    case 'const':
      return `${python(params['allowedValue'])} was expected`;
    case 'minLength':
    case 'minItems':
      return `${shown} is too short`;
    case 'maxLength':
    case 'maxItems':
      return `${shown} is too long`;
    case 'minimum':
      return `${shown} is less than the minimum of ${String(params['limit'])}`;
    case 'maximum':
      return `${shown} is greater than the maximum of ${String(params['limit'])}`;
    case 'minProperties':
      return `${shown} does not have enough properties`;
    case 'maxProperties':
      return `${shown} has too many properties`;
    case 'uniqueItems':
      return `${shown} has non-unique elements`;
    case 'pattern':
      return `${shown} does not match '${String(params['pattern'])}'`;
    case 'format':
      return `${shown} is not a '${String(params['format'])}'`;
    case 'anyOf':
    case 'oneOf':
      return `${shown} is not valid under any of the given schemas`;
    default:
      return `${shown} ${error.message ?? 'is not valid'}`;
  }
}

/** A value as the real services print it, cut to a size that a message can bear. */
export function python(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (typeof value === 'string') return `'${value.slice(0, 200)}'`;
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return `[${value.slice(0, 20).map(python).join(', ')}]`;
  return `{${Object.entries(value)
    .slice(0, 20)
    .map(([key, item]) => `'${key}': ${python(item)}`)
    .join(', ')}}`;
}

function unescapePointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}
