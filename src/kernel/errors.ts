/**
 * Everything that may go wrong on purpose.
 *
 * A CloudError is an answer to a person: a status, a stable code for programs, and a sentence that names the thing,
 * the limit and the next step. Anything else that is thrown is a bug and becomes a bare 500.
 * Each service puts these into its own envelope (`kernel/api/envelope.ts`).
 */

export interface CloudErrorOptions {
  readonly cause?: unknown;
  /** Extra response headers, such as `WWW-Authenticate` or `Retry-After`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The real service's own class name where clients see it, such as neutron's `NetworkNotFound`. */
  readonly type?: string;
}

export abstract class CloudError extends Error {
  abstract readonly status: number;
  /** Stable and dotted, such as `compute.server.wrong_state`; never reused for something else. */
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly type: string | undefined;

  constructor(code: string, message: string, options: CloudErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.name = new.target.name;
    this.headers = options.headers ?? {};
    this.type = options.type;
  }
}

export class BadRequest extends CloudError {
  readonly status = 400;
}
export class Unauthorized extends CloudError {
  readonly status = 401;
}
export class Forbidden extends CloudError {
  readonly status = 403;
}
/** A quota or limit of the project is used up: 403 in compute, 409 in network, 413 elsewhere; the envelope decides. */
export class OverLimit extends CloudError {
  readonly status = 403;
}
export class NotFound extends CloudError {
  readonly status = 404;
}
export class MethodNotAllowed extends CloudError {
  readonly status = 405;
}
export class NotAcceptable extends CloudError {
  readonly status = 406;
}
export class Conflict extends CloudError {
  readonly status = 409;
}
export class Gone extends CloudError {
  readonly status = 410;
}
export class PreconditionFailed extends CloudError {
  readonly status = 412;
}
export class TooLarge extends CloudError {
  readonly status = 413;
}
export class UnsupportedMediaType extends CloudError {
  readonly status = 415;
}
export class RangeNotSatisfiable extends CloudError {
  readonly status = 416;
}
export class TooManyRequests extends CloudError {
  readonly status = 429;
}
export class NotImplementedHere extends CloudError {
  readonly status = 501;
}
export class ServiceUnavailable extends CloudError {
  readonly status = 503;
}
/** Out of room on the disk: what clients of image and object storage expect. */
export class InsufficientStorage extends CloudError {
  readonly status = 507;
}

/** The text of anything thrown, for logs and fault records. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The chain of causes, outermost first, joined with `: `. */
export function errorChain(error: unknown): string {
  const texts: string[] = [];
  for (let at: unknown = error; at !== undefined && at !== null && texts.length < 8; ) {
    const text = errorText(at);
    // many an error quotes its cause already
    if (!texts.some((known) => known.includes(text))) texts.push(text);
    at = at instanceof Error ? at.cause : undefined;
  }
  return texts.join(': ');
}
