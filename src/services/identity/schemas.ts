import { type TSchema, Type } from 'typebox';

/** Shapes that many of identity's bodies share. @see keystone/common/validation/parameter_types.py */

export const IdString = Type.String({ minLength: 1, maxLength: 64, pattern: '^[a-zA-Z0-9-]+$' });

export const ExternalId = Type.String({ minLength: 1, maxLength: 64 });

/** A name has something to see in it. */
export function nameOf(maxLength: number) {
  return Type.String({ minLength: 1, maxLength, pattern: '\\S' });
}

/** Longest description; the column takes more, people don't. */
const MAX_DESCRIPTION = 65_535;

export const Description = Type.String({ maxLength: MAX_DESCRIPTION });

export const UrlText = Type.String({ maxLength: 225, pattern: '^[a-zA-Z0-9+.-]+:.+' });

export function nullable<S extends TSchema>(schema: S) {
  return Type.Union([schema, Type.Null()]);
}

/** A JSON integer that fits the database's. */
export const MAX_INTEGER = 0x7fff_ffff;

/** Attributes beyond the known ones in one body; keystone keeps them all, and so would a database that is to be filled. */
const MAX_PROPERTIES = 64;

/** Keystone takes any further attributes and gives them back. */
export const OPEN = { additionalProperties: true, maxProperties: MAX_PROPERTIES } as const;

/** An update changes something. */
export const OPEN_UPDATE = { ...OPEN, minProperties: 1 } as const;

/** Resource options of projects, domains and roles; null takes one back. */
export const ImmutableOption = Type.Object(
  { immutable: Type.Optional(nullable(Type.Boolean())) },
  { additionalProperties: false },
);
