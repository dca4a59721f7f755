/**
 * One schema per operation, of which each microversion sees its own part: microversions are data on fields.
 *
 *     Type.Object({ name: ServerName, description: since('2.19', Type.Optional(Type.String())) })
 */
import type { TSchema } from 'typebox';
import { type Microversion, parseMicroversion } from './microversion.ts';

type Marked = TSchema & { readonly 'x-since'?: string; readonly 'x-before'?: string };

/** The field exists from `version` on. */
export function since<S extends TSchema>(version: string, schema: S): S {
  return mark(schema, 'x-since', version);
}

/** The field is gone from `version` on. */
export function before<S extends TSchema>(version: string, schema: S): S {
  return mark(schema, 'x-before', version);
}

function mark<S extends TSchema>(schema: S, key: 'x-since' | 'x-before', version: string): S {
  parseMicroversion(version);
  return Object.defineProperties(
    {},
    {
      ...Object.getOwnPropertyDescriptors(schema),
      [key]: { value: version, enumerable: true },
    },
  ) as S;
}

/** The schema as plain JSON at one version; without a version, everything. */
export function schemaAt(schema: TSchema, version: Microversion | undefined): unknown {
  return strip(schema, version);
}

/** Names of an object's fields that are not there at a version. */
export function absentFields(schema: TSchema, version: Microversion | undefined): string[] {
  const { properties } = schema as { properties?: Record<string, unknown> };
  return Object.entries(properties ?? {})
    .filter(([, field]) => !isThere(field, version))
    .map(([name]) => name);
}

/** Every version at which the schema changes, ascending: between two of them it is the same. */
export function breakpoints(schema: TSchema): Microversion[] {
  const found = new Set<Microversion>();
  collect(schema, found);
  return [...found].toSorted((a, b) => a - b);
}

function isThere(schema: unknown, version: Microversion | undefined): boolean {
  if (version === undefined || typeof schema !== 'object' || schema === null) return true;
  const { 'x-since': from, 'x-before': to } = schema as Marked;
  return (
    (from === undefined || version >= parseMicroversion(from)) && (to === undefined || version < parseMicroversion(to))
  );
}

function strip(node: unknown, version: Microversion | undefined): unknown {
  if (Array.isArray(node)) return node.filter((item) => isThere(item, version)).map((item) => strip(item, version));
  if (typeof node !== 'object' || node === null) return node;
  const copy: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(node)) {
    if (key === 'x-since' || key === 'x-before') continue;
    if (key === 'properties' && typeof value === 'object' && value !== null) {
      const present = Object.entries(value).filter(([, field]) => isThere(field, version));
      copy[key] = Object.fromEntries(present.map(([name, field]) => [name, strip(field, version)]));
    } else if (key === 'required' && Array.isArray(value)) {
      const { properties } = node as { properties?: Record<string, unknown> };
      copy[key] = value.filter((name) => isThere(properties?.[String(name)], version));
    } else if (key === 'enum' || key === 'const' || key === 'default') {
      copy[key] = value;
    } else if (isThere(value, version)) {
      copy[key] = strip(value, version);
    }
  }
  return copy;
}

function collect(node: unknown, found: Set<Microversion>): void {
  if (typeof node !== 'object' || node === null) return;
  const { 'x-since': from, 'x-before': to } = node as Marked;
  if (from !== undefined) found.add(parseMicroversion(from));
  if (to !== undefined) found.add(parseMicroversion(to));
  for (const value of Object.values(node)) collect(value, found);
}
