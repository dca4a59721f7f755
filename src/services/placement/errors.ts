import { STATUS_CODES } from 'node:http';
import type { ErrorStyle, WireError } from '#kernel/api/envelope.ts';
import { parseMicroversion } from '#kernel/api/microversion.ts';
import type { InvalidInput } from '#kernel/api/validate.ts';
import { BadRequest, type CloudError } from '#kernel/errors.ts';
import { features } from './microversions.ts';

/** Codes that clients know, from the real service's errors.py; all others are the undefined one. */
const KNOWN_CODES = new Set([
  'placement.inventory.inuse',
  'placement.concurrent_update',
  'placement.duplicate_name',
  'placement.resource_provider.inuse',
  'placement.resource_provider.cannot_delete_parent',
  'placement.resource_provider.not_found',
  'placement.query.duplicate_key',
  'placement.query.bad_value',
  'placement.query.missing_value',
]);

/** webob's own sentence before each detail: clients search the text after it. */
const EXPLANATIONS: Readonly<Record<number, string>> = {
  400: 'The server could not comply with the request since it is either malformed or otherwise incorrect.',
  403: 'Access was denied to this resource.',
  404: 'The resource could not be found.',
  405: 'The method specified is not allowed for this resource.',
  406: 'The resource could not be generated that was acceptable to your browser (content of type application/json).',
  409: 'There was a conflict when trying to complete your request.',
  415: 'The request media type is not supported by this server.',
};

const MIN_VERSION = '1.0';
export const MAX_VERSION = '1.39';
export const microversionRange = { serviceType: 'placement', min: MIN_VERSION, max: MAX_VERSION } as const;

/** Placement's envelope: `{"errors": [{status, title, detail, code, request_id}]}`. */
export const placementStyle: ErrorStyle = {
  envelope(error) {
    return { contentType: 'application/json', body: JSON.stringify({ errors: [entryOf(error)] }) };
  },
  invalid(part: 'body' | 'query' | 'path', input: InvalidInput): CloudError {
    const what = part === 'body' ? 'JSON does not validate' : 'Invalid query string parameters';
    return new BadRequest('placement.undefined_code', `${what}: ${input.message}`);
  },
  sentences: { malformedBody: 'Malformed JSON' },
};

function entryOf(error: WireError): Record<string, unknown> {
  const explanation = EXPLANATIONS[error.status];
  const hasCode = error.version !== undefined && error.version >= parseMicroversion(features.errorCodes);
  return {
    status: error.status,
    title: STATUS_CODES[error.status] ?? 'Error',
    detail: explanation === undefined ? error.message : `${explanation}\n\n ${error.message}  `,
    ...(hasCode ? { code: KNOWN_CODES.has(error.code) ? error.code : 'placement.undefined_code' } : {}),
    ...(error.code === 'microversion.unsupported' ? { min_version: MIN_VERSION, max_version: MAX_VERSION } : {}),
    request_id: error.requestId,
  };
}
