import { BadRequest, type CloudError, MethodNotAllowed, NotFound, TooLarge, Unauthorized } from '../errors.ts';
import type { Microversion } from './microversion.ts';
import type { InvalidInput } from './validate.ts';

/** What an error says on the wire, before a service dresses it. */
export interface WireError {
  readonly status: number;
  /** Stable and dotted; `internal` for a bug. */
  readonly code: string;
  readonly message: string;
  /** The real service's class name, where it has one. */
  readonly type: string | undefined;
  readonly requestId: string;
  /** What the client said it accepts. */
  readonly accept: string;
  /** The request's microversion, once it is known. */
  readonly version: Microversion | undefined;
}

export interface WireBody {
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** How one service words and wraps its errors. */
export interface ErrorStyle {
  /** The service's own envelope. */
  envelope(error: WireError): WireBody;
  /** The status of an error in this service, where it differs from the taxonomy's (a quota is 409 in network). */
  statusOf?(error: CloudError): number;
  /** A value that does not fit its schema. */
  invalid(part: 'body' | 'query' | 'path', input: InvalidInput): CloudError;
  /** The sentences of errors that the kernel raises itself. */
  readonly sentences?: Partial<KernelSentences>;
}

export interface KernelSentences {
  readonly unauthorized: string;
  readonly notFound: string;
  readonly methodNotAllowed: string;
  readonly tooLarge: string;
  readonly malformedBody: string;
  readonly unsupportedMediaType: string;
  readonly internal: string;
}

export const DEFAULT_SENTENCES: KernelSentences = {
  unauthorized: 'The request you have made requires authentication.',
  notFound: 'The resource could not be found.',
  methodNotAllowed: 'The method is not allowed for this resource.',
  tooLarge: 'Request is too large.',
  malformedBody: 'Malformed request body',
  unsupportedMediaType: 'Unsupported Content-Type',
  internal: 'An unexpected error prevented the server from fulfilling your request.',
};

export function sentencesOf(style: ErrorStyle): KernelSentences {
  return { ...DEFAULT_SENTENCES, ...style.sentences };
}

/** Common kernel errors, in a service's own words. */
export const kernelErrors = {
  unauthorized: (style: ErrorStyle, keystoneUrl: string): CloudError =>
    new Unauthorized('auth.token.invalid', sentencesOf(style).unauthorized, {
      headers: { 'WWW-Authenticate': `Keystone uri="${keystoneUrl}"` },
    }),
  notFound: (style: ErrorStyle): CloudError => new NotFound('http.not_found', sentencesOf(style).notFound),
  methodNotAllowed: (style: ErrorStyle, allow: readonly string[]): CloudError =>
    new MethodNotAllowed('http.method_not_allowed', sentencesOf(style).methodNotAllowed, {
      headers: { Allow: allow.join(', ') },
    }),
  tooLarge: (style: ErrorStyle): CloudError => new TooLarge('http.body.too_large', sentencesOf(style).tooLarge),
  malformedBody: (style: ErrorStyle): CloudError =>
    new BadRequest('http.body.malformed', sentencesOf(style).malformedBody),
};
