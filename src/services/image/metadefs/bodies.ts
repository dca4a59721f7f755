import type { TSchema } from 'typebox';
import { createValidator, type Validator } from '#kernel/api/validate.ts';
import { BadRequest, Forbidden } from '#kernel/errors.ts';
import {
  associationDocument,
  namespaceDocument,
  objectDocument,
  propertyDocument,
  tagDocument,
  tagsDocument,
} from './documents.ts';

type Body = Record<string, unknown>;

const documents = {
  namespace: namespaceDocument,
  object: objectDocument,
  property: propertyDocument,
  tag: tagDocument,
  tags: tagsDocument,
  resource_type_association: associationDocument,
} as const;
export type BodyKind = keyof typeof documents;

const validators = Object.fromEntries(
  Object.entries(documents).map(([kind, document]) => [
    kind,
    createValidator({ type: 'object', ...document } as unknown as TSchema, 'body'),
  ]),
) as Record<BodyKind, Validator>;

const READ_ONLY: Readonly<Record<BodyKind, readonly string[]>> = {
  namespace: ['self', 'schema', 'created_at', 'updated_at'],
  object: ['self', 'schema', 'created_at', 'updated_at'],
  property: ['created_at', 'updated_at'],
  tag: ['created_at', 'updated_at'],
  tags: ['created_at', 'updated_at'],
  resource_type_association: ['created_at', 'updated_at'],
};

/** Names go into links: what would break them is refused. */
const MAX_NAME = 80;

/**
 * Reads a body against its schema document.
 * @throws {BadRequest} `image.metadef.body`; {Forbidden} `image.attribute.read_only`.
 */
export function readBody(kind: BodyKind, body: unknown): Body {
  if (body === undefined) throw new BadRequest('image.metadef.body', 'Body expected in request.');
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new BadRequest(
      'image.metadef.body',
      `Provided object does not match schema '${kind}': it is not a JSON object`,
    );
  }
  const readOnly = READ_ONLY[kind].find((name) => name in body);
  if (readOnly !== undefined) throw new Forbidden('image.attribute.read_only', `Attribute '${readOnly}' is read-only.`);
  // Defaults are filled into what is checked: a copy, so that a body comes back as it was sent.
  const invalid = validators[kind](structuredClone(body), undefined);
  if (invalid !== undefined) {
    const at = invalid.path === '' ? '' : ` (at ${invalid.path})`;
    throw new BadRequest(
      'image.metadef.body',
      `Provided object does not match schema '${kind}': ${invalid.message}${at}`,
    );
  }
  return body as Body;
}

/** A name of an object, property, tag, namespace or resource type. @throws {BadRequest} `image.metadef.name`. */
export function readName(value: unknown): string {
  if (typeof value === 'string' && value !== '' && value.length <= MAX_NAME) return value;
  throw new BadRequest('image.metadef.name', `A name must be a text of 1 to ${MAX_NAME} characters.`);
}

/** An optional text. */
export function readText(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
