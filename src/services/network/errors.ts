import type { ErrorStyle } from '#kernel/api/envelope.ts';
import {
  BadRequest,
  type CloudError,
  Conflict,
  Forbidden,
  NotFound,
  OverLimit,
  PreconditionFailed,
  ServiceUnavailable,
} from '#kernel/errors.ts';

/**
 * Errors as network's clients know them: by the class name in `NeutronError.type`, which is also our code
 * (`NetworkNotFound` is `network.network_not_found`).
 * @see https://opendev.org/openstack/neutron-lib/src/branch/master/neutron_lib/exceptions/__init__.py
 */
export function badRequest(type: string, message: string): CloudError {
  return new BadRequest(codeOf(type), message, { type });
}

export function notFound(type: string, message: string): CloudError {
  return new NotFound(codeOf(type), message, { type });
}

export function conflict(type: string, message: string): CloudError {
  return new Conflict(codeOf(type), message, { type });
}

export function forbidden(type: string, message: string): CloudError {
  return new Forbidden(codeOf(type), message, { type });
}

export function unavailable(type: string, message: string): CloudError {
  return new ServiceUnavailable(codeOf(type), message, { type });
}

export function overQuota(resources: readonly string[]): CloudError {
  const list = resources.map((name) => `'${name}'`).join(', ');
  return new OverLimit('network.over_quota', `Quota exceeded for resources: [${list}].`, { type: 'OverQuota' });
}

/** neutron_lib's InvalidInput. */
export function invalidInput(message: string): CloudError {
  return badRequest('InvalidInput', `Invalid input for operation: ${message}.`);
}

/** neutron_lib's BadRequest: `Bad router request: …`. */
export function badResource(resource: string, message: string): CloudError {
  return badRequest('BadRequest', `Bad ${resource} request: ${message}.`);
}

/** What the API layer itself refuses (webob's HTTPBadRequest). */
export function badBody(message: string): CloudError {
  return badRequest('HTTPBadRequest', message);
}

/** What hides a resource that the caller may not see. */
export function hidden(): CloudError {
  return notFound('HTTPNotFound', 'The resource could not be found.');
}

export function revisionMismatch(expected: number, id: string): CloudError {
  return new PreconditionFailed(
    'network.revision_number_constraint_failed',
    `Constrained to ${expected}, but current revision of ${id} is different. Read it again and retry.`,
    { type: 'RevisionNumberConstraintFailed' },
  );
}

const DEFAULT_TYPES: Readonly<Record<number, string>> = {
  400: 'HTTPBadRequest',
  403: 'HTTPForbidden',
  404: 'HTTPNotFound',
  405: 'HTTPMethodNotAllowed',
  409: 'HTTPConflict',
  412: 'HTTPPreconditionFailed',
  413: 'HTTPRequestEntityTooLarge',
  415: 'HTTPUnsupportedMediaType',
  500: 'HTTPInternalServerError',
  503: 'HTTPServiceUnavailable',
};

/** `{"NeutronError": {"type", "message", "detail"}}`; a quota is 409 here. */
export const networkErrorStyle: ErrorStyle = {
  envelope: ({ status, message, type }) => ({
    contentType: 'application/json',
    body:
      status === 401
        ? JSON.stringify({ error: { code: 401, title: 'Unauthorized', message } })
        : JSON.stringify({
            NeutronError: { type: type ?? DEFAULT_TYPES[status] ?? 'NeutronException', message, detail: '' },
          }),
  }),
  statusOf: (error) => (error instanceof OverLimit ? 409 : error.status),
  invalid: (part, { path, message }) => badBody(`Invalid ${part}${path === '' ? '' : ` for ${path}`}: ${message}`),
  sentences: {
    malformedBody: 'Malformed request body: cannot understand JSON.',
    internal: 'Request Failed: internal server error while processing your request.',
  },
};

/** `NetworkNotFound` → `network.network_not_found`. */
function codeOf(type: string): string {
  const snake = type.replace(/([a-z0-9])([A-Z])/g, '$1_$2').replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2');
  return `network.${snake.toLowerCase()}`;
}
