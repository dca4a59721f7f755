import type { TSchema } from 'typebox';
import { createValidator } from '#kernel/api/validate.ts';
import { BadRequest, Forbidden, TooLarge } from '#kernel/errors.ts';
import { imageProperties, RESERVED, RESERVED_NAMESPACE } from '../schemas/image.ts';
import type { Visibility } from './states.ts';

/** glance's `image_property_quota` and `image_tag_quota`. */
const MAX_PROPERTIES = 128;
const MAX_TAGS = 128;
const MAX_PROPERTY_NAME = 255;
/** Four bytes, as in the real service's database. */
const MAX_INT = 2 ** 31 - 1;

/** What a client may set of an image, by its name on the wire. */
export interface ImageAttributes {
  name: string | null;
  visibility: Visibility;
  protected: boolean;
  os_hidden: boolean;
  owner: string | null;
  container_format: string | null;
  disk_format: string | null;
  min_ram: number;
  min_disk: number;
  tags: string[];
}

/** Their names, in the order of the documents. */
export const ATTRIBUTES: readonly (keyof ImageAttributes)[] = [
  'name',
  'visibility',
  'protected',
  'os_hidden',
  'owner',
  'container_format',
  'disk_format',
  'min_ram',
  'min_disk',
  'tags',
];

const validate = createValidator(
  { type: 'object', properties: imageProperties, additionalProperties: { type: 'string' } } as unknown as TSchema,
  'body',
);

/**
 * Holds attributes and properties against the schema document of images.
 * @throws {BadRequest} `image.schema`.
 */
export function checkSchema(values: unknown): void {
  const invalid = validate(values, undefined);
  if (invalid === undefined) return;
  const at = invalid.path === '' ? '' : ` (at ${invalid.path})`;
  throw new BadRequest('image.schema', `Provided object does not match schema 'image': ${invalid.message}${at}`);
}

/** @throws {Forbidden} `image.property.reserved` for names that the service keeps for itself. */
export function checkNotReserved(name: string): void {
  if (name.startsWith(RESERVED_NAMESPACE) || (RESERVED as readonly string[]).includes(name)) {
    throw new Forbidden('image.property.reserved', `Attribute '${name}' is reserved.`);
  }
}

/** @throws {BadRequest} `image.property.name`. */
export function checkPropertyName(name: string): void {
  if (name.length > MAX_PROPERTY_NAME || name === '') {
    throw new BadRequest(
      'image.property.name',
      `Custom property should not be greater than ${MAX_PROPERTY_NAME} characters.`,
    );
  }
}

/** @throws {TooLarge} `image.properties.too_many`. */
export function checkPropertyCount(properties: Readonly<Record<string, unknown>>): void {
  const attempted = Object.keys(properties).filter((name) => !name.startsWith(RESERVED_NAMESPACE)).length;
  if (attempted <= MAX_PROPERTIES) return;
  throw new TooLarge(
    'image.properties.too_many',
    `The limit has been exceeded on the number of allowed image properties. Attempted: ${attempted}, Maximum: ${MAX_PROPERTIES}`,
  );
}

/** @throws {TooLarge} `image.tags.too_many`. */
export function checkTagCount(tags: readonly string[]): void {
  if (tags.length <= MAX_TAGS) return;
  throw new TooLarge(
    'image.tags.too_many',
    `The limit has been exceeded on the number of allowed image tags. Attempted: ${tags.length}, Maximum: ${MAX_TAGS}`,
  );
}

/** @throws {BadRequest} `image.number` for a negative or too large min_disk or min_ram. */
export function checkNumbers(values: Pick<ImageAttributes, 'min_disk' | 'min_ram'>): void {
  for (const name of ['min_disk', 'min_ram'] as const) {
    const value = values[name];
    if (value < 0)
      throw new BadRequest(
        'image.number',
        `Invalid value '${value}' for parameter '${name}': Cannot be a negative value`,
      );
    if (value > MAX_INT)
      throw new BadRequest('image.number', `'${name}' value out of range, must not exceed ${MAX_INT}.`);
  }
}
