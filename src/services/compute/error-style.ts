/**
 * How compute words and wraps its errors: one member named after the kind of fault.
 * @see nova/api/openstack/wsgi.py, class Fault
 */
import type { ErrorStyle, WireError } from '#kernel/api/envelope.ts';
import { type InvalidInput, python } from '#kernel/api/validate.ts';
import { BadRequest } from '#kernel/errors.ts';
import { reasonOfName } from './fields.ts';

const FAULT_NAMES: Readonly<Record<number, string>> = {
  400: 'badRequest',
  403: 'forbidden',
  404: 'itemNotFound',
  405: 'badMethod',
  409: 'conflictingRequest',
  413: 'overLimit',
  415: 'badMediaType',
  429: 'overLimit',
  501: 'notImplemented',
  503: 'serviceUnavailable',
};

export const computeErrorStyle: ErrorStyle = {
  envelope: (error) => ({ contentType: 'application/json; charset=UTF-8', body: JSON.stringify(faultOf(error)) }),
  // The real service knows no path by another method.
  statusOf: (error) => (error.code === 'http.method_not_allowed' ? 404 : error.status),
  invalid: (part, input) => new BadRequest('compute.invalid_input', invalidSentence(part, input)),
  sentences: {
    methodNotAllowed: 'The resource could not be found.',
    internal: 'Unexpected API Error. The log of the cloud has it under the request id of this answer.',
  },
};

function faultOf({ status, message }: WireError): unknown {
  // A missing token is answered by the real service's token middleware, which has another envelope.
  if (status === 401) return { error: { code: 401, title: 'Unauthorized', message } };
  return { [FAULT_NAMES[status] ?? 'computeFault']: { code: status, message } };
}

/** @see nova/api/validation/validators.py, class _SchemaValidator */
function invalidSentence(part: 'body' | 'query' | 'path', { path, value, message }: InvalidInput): string {
  if (path === '') return message;
  const names = path.split('.');
  const reason = reasonOfName(message);
  if (reason !== undefined) return `An invalid 'name' value was provided. The name must be: ${reason}`;
  if (message.endsWith(' must NOT be valid'))
    return `Additional properties are not allowed ('${names.at(-1) ?? ''}' was unexpected)`;
  const shown = typeof value === 'string' ? value.slice(0, 200) : python(value);
  return part === 'body'
    ? `Invalid input for field/attribute ${names.at(-1) ?? ''}. Value: ${shown}. ${message}`
    : `Invalid input for query parameters ${names[0] ?? ''}. Value: ${shown}. ${message}`;
}
