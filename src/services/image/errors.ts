import type { ErrorStyle, WireBody, WireError } from '#kernel/api/envelope.ts';
import { BadRequest } from '#kernel/errors.ts';

/**
 * Errors as WebOb writes them: HTML unless the client prefers JSON, plain text when it takes neither.
 * @see https://github.com/Pylons/webob/blob/main/src/webob/exc.py
 */
export const imageErrorStyle: ErrorStyle = {
  envelope,
  invalid: (part, { path, message }) =>
    new BadRequest(
      'image.input.invalid',
      `Provided object does not match schema '${part}': ${path === '' ? '' : `${path}: `}${message}`,
    ),
  sentences: {
    malformedBody: 'Malformed JSON in request body.',
    notFound: 'The resource could not be found.',
    methodNotAllowed: 'The method is not allowed for this resource.',
    tooLarge: 'The body of your request was too large for this server.',
    unsupportedMediaType: 'The request media type is not supported by this server.',
  },
};

const REASONS: Readonly<Record<number, string>> = {
  300: 'Multiple Choices',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  409: 'Conflict',
  410: 'Gone',
  413: 'Request Entity Too Large',
  415: 'Unsupported Media Type',
  416: 'Requested Range Not Satisfiable',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
};

function envelope(error: WireError): WireBody {
  const title = REASONS[error.status] ?? 'Error';
  const status = `${error.status} ${title}`;
  const kind = preferred(error.accept);
  if (kind === 'json') {
    const body = { message: `${error.message}<br /><br />\n\n\n`, code: status, title };
    return { contentType: 'application/json', body: JSON.stringify(body) };
  }
  if (kind === 'html') {
    const body = `${escapeHtml(error.message)}<br /><br />\n\n\n`;
    return {
      contentType: 'text/html; charset=UTF-8',
      body: `<html>\n <head>\n  <title>${status}</title>\n </head>\n <body>\n  <h1>${status}</h1>\n  ${body}\n </body>\n</html>`,
    };
  }
  return { contentType: 'text/plain; charset=UTF-8', body: `${status}\n\n${error.message}\n\n\n\n` };
}

/** What an Accept header likes best of the two; HTML on a tie or when nothing was said. */
function preferred(accept: string): 'html' | 'json' | 'text' {
  if (accept.trim() === '') return 'html';
  const ranges = accept.split(',').map(parseRange);
  const html = qualityOf('text/html', ranges);
  const json = qualityOf('application/json', ranges);
  if (html === 0 && json === 0) return 'text';
  return json > html ? 'json' : 'html';
}

interface MediaRange {
  readonly type: string;
  readonly quality: number;
}

function parseRange(text: string): MediaRange {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const q = parameters.find((parameter) => parameter.startsWith('q='));
  const quality = q === undefined ? 1 : Number(q.slice(2));
  return { type, quality: Number.isFinite(quality) ? quality : 0 };
}

/** The most specific range that fits decides. */
function qualityOf(type: string, ranges: readonly MediaRange[]): number {
  const [group = ''] = type.split('/');
  const fitting = [type, `${group}/*`, '*/*'].flatMap((name) => ranges.find((range) => range.type === name) ?? []);
  return fitting[0]?.quality ?? 0;
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#x27;');
}
