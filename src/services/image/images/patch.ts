import { BadRequest, Forbidden, UnsupportedMediaType } from '#kernel/errors.ts';
import { imageProperties, READ_ONLY } from '../schemas/image.ts';
import { checkNotReserved, checkSchema } from './attributes.ts';

/** One change of an image. */
export interface Change {
  readonly op: (typeof OPERATIONS)[number];
  /** The attribute or property. */
  readonly name: string;
  /** What follows the name: only for locations. */
  readonly position: string | undefined;
  readonly value: unknown;
  /** The older patch format refuses to add what is there. */
  readonly mustBeNew: boolean;
}

const OPERATIONS = ['add', 'remove', 'replace'] as const;
const AVAILABLE = OPERATIONS.join(', ');
/** Both formats, and the draft of JSON patch that each follows. */
export const PATCH_TYPES: Readonly<Record<string, 4 | 10>> = {
  'application/openstack-images-v2.0-json-patch': 4,
  'application/openstack-images-v2.1-json-patch': 10,
};
/** Changes in one request. More fit a body of the kernel's limit only when they repeat themselves. */
const MAX_CHANGES = 1_000;

const bad = (code: string, message: string): BadRequest => new BadRequest(`image.patch.${code}`, message);

/**
 * Reads a JSON patch.
 * @throws {UnsupportedMediaType} `image.patch.type`; {BadRequest} `image.patch.…`; {Forbidden} for names that are not the client's.
 * @see glance/api/v2/images.py RequestDeserializer.update
 */
export function parsePatch(contentType: string | undefined, body: unknown): Change[] {
  const draft = PATCH_TYPES[contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? ''];
  if (draft === undefined) {
    throw new UnsupportedMediaType(
      'image.patch.type',
      `The request media type ${contentType ?? 'None'} is not supported by this server.`,
      {
        headers: { 'Accept-Patch': Object.keys(PATCH_TYPES).toSorted().join(', ') },
      },
    );
  }
  if (body === undefined) throw bad('body', 'Body expected in request.');
  if (!Array.isArray(body)) throw bad('body', 'Request body must be a JSON array of operation objects.');
  if (body.length > MAX_CHANGES) throw bad('body', `At most ${MAX_CHANGES} operations can be given at once.`);
  return body.map((raw: unknown) => parseChange(raw, draft));
}

/**
 * One change of one property: removed when the value is null.
 * @throws {BadRequest} `image.schema`; {Forbidden} for names that are not a property's.
 */
export function changeOf(name: string, value: string | null): Change {
  const op = value === null ? 'remove' : 'add';
  checkChange(op, name, 1, value);
  return { op, name, position: undefined, value, mustBeNew: false };
}

function parseChange(raw: unknown, draft: 4 | 10): Change {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw))
    throw bad('operation', 'Operations must be JSON objects.');
  const change = raw as Record<string, unknown>;
  const op = draft === 10 ? findOperation10(change) : findOperation4(change);
  const pointer = draft === 10 ? change['path'] : change[op];
  if (draft === 10 && !('path' in change)) throw bad('path', "Unable to find 'path' in JSON Schema change");
  if (typeof pointer !== 'string') throw bad('path', 'The path of an operation must be a string.');
  const path = parsePointer(pointer);
  const [name = '', position] = path;
  const depth = name === 'locations' && op !== 'replace' ? 2 : 1;
  if (path.length !== depth) throw bad('path', `Invalid JSON pointer for this resource: '/${path.join('/')}'`);
  if (op !== 'remove' && !('value' in change)) throw bad('value', `Operation "${op}" requires a member named "value".`);
  const value = change['value'];
  checkChange(op, name, path.length, value);
  return { op, name, position, value, mustBeNew: draft === 4 };
}

function findOperation10(change: Record<string, unknown>): Change['op'] {
  const given = change['op'];
  if (given === undefined || given === null) {
    throw bad(
      'operation',
      `Unable to find \`op\` in JSON Schema change. It must be one of the following: ${AVAILABLE}.`,
    );
  }
  const op = OPERATIONS.find((known) => known === given);
  if (op === undefined)
    throw bad('operation', `Invalid operation: \`${show(given)}\`. It must be one of the following: ${AVAILABLE}.`);
  return op;
}

function findOperation4(change: Record<string, unknown>): Change['op'] {
  const [op, other] = OPERATIONS.filter((known) => known in change);
  if (other !== undefined)
    throw bad('operation', 'Operation objects must contain only one member named "add", "remove", or "replace".');
  if (op === undefined)
    throw bad('operation', 'Operation objects must contain exactly one member named "add", "remove", or "replace".');
  return op;
}

/** A limited form of JSON pointer. */
function parsePointer(pointer: string): string[] {
  if (!pointer.startsWith('/')) throw bad('pointer', `Pointer \`${pointer}\` does not start with "/".`);
  if (/\/\s*\//.test(pointer.slice(1))) throw bad('pointer', `Pointer \`${pointer}\` contains adjacent "/".`);
  if (pointer.length > 1 && pointer.endsWith('/')) throw bad('pointer', `Pointer \`${pointer}\` end with "/".`);
  if (/~(?![01])/.test(pointer)) {
    throw bad('pointer', `Pointer \`${pointer}\` contains "~" not part of a recognized escape sequence.`);
  }
  return pointer
    .replace(/^\/+/, '')
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~').trim());
}

function checkChange(op: Change['op'], name: string, depth: number, value: unknown): void {
  if ((READ_ONLY as readonly string[]).includes(name))
    throw new Forbidden('image.attribute.read_only', `Attribute '${name}' is read-only.`);
  checkNotReserved(name);
  if (op === 'remove') return;
  const isList = (imageProperties as Record<string, { type?: unknown }>)[name]?.type === 'array';
  if (depth === 1) checkSchema({ [name]: value });
  else if (isList) checkSchema({ [name]: [value] });
}

function show(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 100) : JSON.stringify(value).slice(0, 100);
}
