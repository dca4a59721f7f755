/**
 * Shapes that many of compute's schemas share, as loose as the real ones: a number may come as text, a boolean as a word.
 * @see nova/api/validation/parameter_types.py
 */

import { type TSchema, Type } from 'typebox';
import { since } from '#kernel/api/schema.ts';
import { BadRequest } from '#kernel/errors.ts';
import { readBooleanWord } from '#kernel/words.ts';

/** The largest whole number of a column. */
export const MAX_INT = 0x7fff_ffff;

/** Printable text that neither starts nor ends with white space. */
const NAME_PATTERN = '^(?![\\s])[^\\p{C}\\p{Zl}\\p{Zp}]*(?<![\\s])$';
const PRINTABLE_PATTERN = '^[^\\p{C}\\p{Zl}\\p{Zp}]*$';
const AZ_NAME_PATTERN = '^(?![\\s])[^:\\p{C}\\p{Zl}\\p{Zp}]*(?<![\\s])$';
const KEY_PAIR_NAME_PATTERN = '^(?! )[a-zA-Z0-9_ -]*(?<! )$';
const KEY_PAIR_NAME_292_PATTERN = '^(?! )[a-zA-Z0-9@._ -]*(?<! )$';

/** What the real service says of a name, in place of the pattern that it does not match. */
const REASONS: ReadonlyMap<string, string> = new Map([
  [NAME_PATTERN, 'printable characters. Can not start or end with whitespace.'],
  [AZ_NAME_PATTERN, 'printable characters except :.Can not start or end with whitespace.'],
  [
    KEY_PAIR_NAME_PATTERN,
    'Only expected characters: [_- 0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ]',
  ],
  [
    KEY_PAIR_NAME_292_PATTERN,
    'Only expected characters: [@._- 0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ]',
  ],
]);

/** The reason that stands behind a validator's "does not match '<pattern>'", when it is one of the names here. */
export function reasonOfName(message: string): string | undefined {
  for (const [pattern, reason] of REASONS) if (message.endsWith(`does not match '${pattern}'`)) return reason;
  return undefined;
}

export const Name = Type.String({ minLength: 1, maxLength: 255, pattern: NAME_PATTERN });
export const AvailabilityZoneName = Type.String({ minLength: 1, maxLength: 255, pattern: AZ_NAME_PATTERN });
export const KeyPairName = Type.String({ minLength: 1, maxLength: 255, pattern: KEY_PAIR_NAME_PATTERN });
export const KeyPairName292 = Type.String({ minLength: 1, maxLength: 255, pattern: KEY_PAIR_NAME_292_PATTERN });
export const Description = Type.Unsafe<string | null>({
  type: ['string', 'null'],
  maxLength: 255,
  pattern: PRINTABLE_PATTERN,
});
export const LongDescription = Type.Unsafe<string | null>({
  type: ['string', 'null'],
  maxLength: 65_535,
  pattern: PRINTABLE_PATTERN,
});
export const Uuid = Type.String({ format: 'uuid-like' });
export const Fqdn = Type.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9-._]*$' });

/** A whole number, perhaps as text: 5 or "5". Read it with {@link wholeNumber}. */
export const PositiveInteger = Type.Unsafe<number | string>({
  type: ['integer', 'string'],
  pattern: '^0*[1-9][0-9]*$',
  minimum: 1,
  maximum: MAX_INT,
  minLength: 1,
  maxLength: 255,
});
export const NonNegativeInteger = Type.Unsafe<number | string>({
  type: ['integer', 'string'],
  pattern: '^[0-9]+$',
  minimum: 0,
  maximum: MAX_INT,
  minLength: 1,
  maxLength: 255,
});
/** A limit of a quota: −1 is without limit. */
export const QuotaLimit = Type.Unsafe<number | string>({
  type: ['integer', 'string'],
  pattern: '^(?:-1|[0-9]{1,10})$',
  minimum: -1,
  maximum: MAX_INT,
});

const TRUE_WORDS = [true, 'True', 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', 'Yes', 'yes'] as const;
const FALSE_WORDS = [false, 'False', 'FALSE', 'false', '0', 'OFF', 'Off', 'off', 'NO', 'No', 'no'] as const;

/** A boolean or one of the words that oslo takes for one. Read it with {@link isTrue}. */
export const BooleanWord = Type.Unsafe<boolean | string>({
  type: ['boolean', 'string'],
  enum: [...TRUE_WORDS, ...FALSE_WORDS],
});

/** Key and value texts of at most 255 characters. */
export const Metadata = Type.Unsafe<Record<string, string>>({
  type: 'object',
  patternProperties: { '^[a-zA-Z0-9\\-_:. ]{1,255}$': { type: 'string', maxLength: 255 } },
  additionalProperties: false,
});

/** One object under one name, and nothing else. */
export function envelope<N extends string, S extends TSchema>(name: N, schema: S) {
  return Type.Object({ [name]: schema } as Record<N, S>, { additionalProperties: false });
}

/** A query without parameters of its own: any other is taken and ignored. */
export const AnyQuery = Type.Object({}, { additionalProperties: true });

/** Reads a checked {@link BooleanWord}. */
export function isTrue(word: boolean | string | undefined): boolean {
  return (TRUE_WORDS as readonly unknown[]).includes(word);
}

/**
 * Reads a whole number given as such or as text.
 * @throws {BadRequest} `compute.invalid_input` outside the range.
 */
export function wholeNumber(value: number | string, name: string, min = 0, max = MAX_INT): number {
  const number = Number(value);
  if (!Number.isInteger(number)) throw new BadRequest('compute.invalid_input', `${name} must be an integer`);
  if (number < min) throw new BadRequest('compute.invalid_input', `${name} must be >= ${min}`);
  if (number > max) throw new BadRequest('compute.invalid_input', `${name} must be <= ${max}`);
  return number;
}

/**
 * Reads a boolean from a query, as oslo's strict `bool_from_string` does.
 * @throws {BadRequest} `compute.invalid_input` with `sentence`.
 */
export function strictBoolean(text: string, sentence: string): boolean {
  const value = readBooleanWord(text);
  if (value === undefined) throw new BadRequest('compute.invalid_input', sentence);
  return value;
}

/**
 * A query that takes whatever it doesn't know until a microversion, and refuses it from there on.
 * @param from The microversion; 2.75 for most.
 */
export function queryOf<P extends Record<string, TSchema>>(fields: P, from = '2.75') {
  return Type.Object(fields, { additionalProperties: since(from, Type.Never()) });
}
