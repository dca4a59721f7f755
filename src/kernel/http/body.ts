import type { FastifyRequest } from 'fastify';
import secureJson from 'secure-json-parse';
import { type ErrorStyle, kernelErrors, sentencesOf } from '../api/envelope.ts';
import type { Route } from '../api/route.ts';
import { UnsupportedMediaType } from '../errors.ts';

/** Nesting beyond this is no API call; JSON.stringify would fall over far deeper ones. */
const MAX_JSON_DEPTH = 64;

/**
 * Reads a request's body as its route wants it: parsed JSON, bytes, or untouched for a stream.
 * @throws {TooLarge} beyond the route's limit; {BadRequest} for text that is not JSON, nests too deep or sets
 *   `__proto__`; {UnsupportedMediaType} for another content type.
 */
export async function readBody(
  request: FastifyRequest,
  payload: NodeJS.ReadableStream,
  route: Route,
  style: ErrorStyle,
): Promise<unknown> {
  if (route.bodyKind === 'stream') return payload;
  const bytes = await collect(request, payload, route.maxBodyBytes, style);
  if (route.bodyKind === 'raw') return bytes;
  if (bytes.length === 0) return undefined;
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== undefined && type !== 'application/json' && !route.consumes.includes(type)) {
    if (route.body === undefined) return undefined;
    throw new UnsupportedMediaType('http.content_type', sentencesOf(style).unsupportedMediaType);
  }
  return parseJson(bytes, style);
}

async function collect(
  request: FastifyRequest,
  payload: NodeJS.ReadableStream,
  limit: number,
  style: ErrorStyle,
): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > limit) throw kernelErrors.tooLarge(style);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of payload) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    size += bytes.length;
    if (size > limit) throw kernelErrors.tooLarge(style);
    chunks.push(bytes);
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

function parseJson(bytes: Buffer, style: ErrorStyle): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (depthOf(text) > MAX_JSON_DEPTH) throw new RangeError('too deep');
    return secureJson.parse(text);
  } catch {
    throw kernelErrors.malformedBody(style);
  }
}

function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let isInString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (isInString) {
      if (c === 0x5c) i++;
      else if (c === 0x22) isInString = false;
    } else if (c === 0x22) isInString = true;
    else if (c === 0x5b || c === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (c === 0x5d || c === 0x7d) depth--;
  }
  return deepest;
}
