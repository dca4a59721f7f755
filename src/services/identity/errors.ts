import { STATUS_CODES } from 'node:http';
import type { ErrorStyle } from '#kernel/api/envelope.ts';
import type { InvalidInput } from '#kernel/api/validate.ts';
import { BadRequest, type CloudError, Conflict, Forbidden, NotFound, Unauthorized } from '#kernel/errors.ts';

/**
 * Keystone's envelope and sentences.
 * @see https://opendev.org/openstack/keystone/src/branch/unmaintained/zed/keystone/exception.py
 */
export function createErrorStyle(identityUrl: string): ErrorStyle {
  return {
    envelope: ({ status, message }) => ({
      contentType: 'application/json',
      body: JSON.stringify({ error: { code: status, message, title: STATUS_CODES[status] ?? 'Error' } }),
      headers: {
        Vary: 'X-Auth-Token',
        ...(status === 401 ? { 'WWW-Authenticate': `Keystone uri="${identityUrl}"` } : {}),
      },
    }),
    invalid: (_part, input) => invalidInput(input),
    sentences: {
      malformedBody:
        'The server could not comply with the request since it is either malformed or otherwise incorrect.',
    },
  };
}

/** A value that does not fit; the path leaves out the body's outermost word, as keystone's does. */
function invalidInput({ path, message }: InvalidInput): CloudError {
  const inner = path.split('.').slice(1).join('/');
  return new BadRequest(
    'identity.input.invalid',
    inner === '' ? message : `Invalid input for field '${inner}': ${message}`,
  );
}

const UNAUTHORIZED = 'The request you have made requires authentication.';
const FORBIDDEN = 'You are not authorized to perform the requested action.';

/** Why is for the log, never for the caller: it would tell who exists. */
export function unauthorized(code: string): Unauthorized {
  return new Unauthorized(`identity.auth.${code}`, UNAUTHORIZED);
}

/** A refusal that keystone does not explain to the caller. */
export function forbidden(code: string): Forbidden {
  return new Forbidden(`identity.${code}`, FORBIDDEN);
}

export function forbiddenAction(rule: string): Forbidden {
  return new Forbidden('policy.refused', `You are not authorized to perform the requested action: ${rule}.`);
}

/** `Could not find user: x.` */
export function notFound(kind: string, id: string): NotFound {
  return new NotFound(
    `identity.${kind.toLowerCase().replaceAll(' ', '_')}.not_found`,
    `Could not find ${kind}: ${id}.`,
  );
}

/** A page that shall go on after what is not there. */
export function markerNotFound(marker: string): NotFound {
  return new NotFound('identity.marker.not_found', `Marker ${marker} could not be found.`);
}

/** `Conflict occurred attempting to store user - Duplicate entry found with name x.` */
export function conflict(kind: string, details: string): Conflict {
  return new Conflict(
    `identity.${kind.replaceAll(' ', '_')}.conflict`,
    `Conflict occurred attempting to store ${kind} - ${details}.`,
  );
}

const MALFORMED =
  'The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.';

/** `Expecting to find domain in project.` and what follows. */
export function missing(attribute: string, target: string): BadRequest {
  return new BadRequest('identity.input.missing', `Expecting to find ${attribute} in ${target}. ${MALFORMED}`);
}

export function badRequest(code: string, message: string): BadRequest {
  return new BadRequest(`identity.${code}`, message);
}

/** An immutable thing that somebody wants to change or delete. */
export function immutable(action: 'update' | 'delete', kind: string, id: string): Forbidden {
  return new Forbidden(
    `identity.${kind}.immutable`,
    `Unable to ${action} immutable ${kind} resource: \`${id}. Set resource option "immutable" to false first.`,
  );
}
