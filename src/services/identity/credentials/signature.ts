/**
 * Checking requests that were signed as for EC2 or S3.
 * @see https://opendev.org/openstack/python-keystoneclient/src/branch/master/keystoneclient/contrib/ec2/utils.py
 * @see https://docs.aws.amazon.com/general/latest/gr/signature-version-2.html
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { parseTime } from '../time.ts';

/** What a service hands over of a request to an EC2 API. */
export interface SignedRequest {
  readonly signature: string;
  readonly params: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly verb: string;
  readonly host: string;
  readonly path: string;
  readonly bodyHash: string;
}

/** Whether the secret made the request's signature. */
export function isEc2Signature(request: SignedRequest, secret: string): boolean {
  const { params, headers } = request;
  const authorization = headers['Authorization'] ?? headers['authorization'] ?? '';
  const isVersion4 = params['X-Amz-Algorithm'] === 'AWS4-HMAC-SHA256' || authorization.startsWith('AWS4-HMAC-SHA256');
  if (isVersion4) return isSame(signVersion4(request, secret, authorization), request.signature);
  if (params['SignatureVersion'] !== '2') return false;
  if (isSame(signVersion2(request, secret), request.signature)) return true;
  // Some proxies hand the host on with its port, which the client did not sign.
  const bare = { ...request, host: request.host.split(':', 1)[0] ?? '' };
  return isSame(signVersion2(bare, secret), request.signature);
}

/** When the request says that it was signed; undefined where it says nothing that can be read. */
export function signedAtMs({ params, headers }: SignedRequest): number | undefined {
  const text = params['Timestamp'] ?? headers['X-Amz-Date'] ?? headers['x-amz-date'] ?? params['X-Amz-Date'];
  return text === undefined ? undefined : readAmazonTime(text);
}

/** Whether the secret signed an S3 "string to sign", of version 2 or 4. */
export function isS3Signature(stringToSign: Buffer, signature: string, secret: string): boolean {
  const text = stringToSign.toString('utf8');
  if (!text.startsWith('AWS4')) {
    return isSame(createHmac('sha1', secret).update(stringToSign).digest('base64'), signature);
  }
  const [algorithm, , scope = '', , ...rest] = text.split('\n');
  const [date = '', region = '', service = '', end, ...more] = scope.split('/');
  if (algorithm !== 'AWS4-HMAC-SHA256' || rest.length > 0 || end !== 'aws4_request' || more.length > 0) return false;
  if (!['s3', 'iam', 'sts'].includes(service)) return false;
  const key = keyVersion4(secret, date, region, service);
  return isSame(createHmac('sha256', key).update(stringToSign).digest('hex'), signature);
}

/** When an S3 string was signed: its second line in version 4, its date line in version 2. */
export function s3SignedAtMs(stringToSign: Buffer): number | undefined {
  const lines = stringToSign.toString('utf8').split('\n');
  if (lines[0] === 'AWS4-HMAC-SHA256') return readAmazonTime(lines[1] ?? '');
  const amazonDate = lines.find((line) => line.toLowerCase().startsWith('x-amz-date:'));
  const text = amazonDate === undefined ? (lines[3] ?? '') : amazonDate.slice('x-amz-date:'.length);
  // A presigned URL has its end there, in seconds.
  if (/^\d{1,12}$/.test(text)) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

/** `20260102T030405Z`, or ISO 8601. */
function readAmazonTime(text: string): number | undefined {
  const compact = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(text);
  if (compact === null) return parseTime(text);
  const [, year, month, day, hour, minute, second] = compact;
  return parseTime(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

function signVersion2({ params, verb, host, path }: SignedRequest, secret: string): string {
  const algorithm = params['SignatureMethod'] === 'HmacSHA1' ? 'sha1' : 'sha256';
  const text = `${verb}\n${host}\n${path}\n${canonicalQuery(params, ['Signature'])}`;
  return createHmac(algorithm, secret).update(text).digest('base64');
}

function signVersion4(request: SignedRequest, secret: string, authorization: string): string {
  const { params, headers, verb, path, bodyHash } = request;
  const part = (name: string): string => new RegExp(`${name}=([^,\\s]*)`).exec(authorization)?.[1] ?? '';
  const credential = params['X-Amz-Credential'] ?? part('Credential');
  const signed = params['X-Amz-SignedHeaders'] ?? part('SignedHeaders');
  const date = params['X-Amz-Date'] ?? headers['X-Amz-Date'] ?? headers['x-amz-date'] ?? '';
  const [, day = '', region = '', service = '', end = ''] = credential.split('/');
  const lower = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const headerLines = signed
    .split(';')
    .map((name) => `${name}:${(name === 'host' ? request.host : (lower.get(name) ?? '')).trim()}\n`)
    .join('');
  const query =
    verb === 'POST' && params['X-Amz-Algorithm'] === undefined ? '' : canonicalQuery(params, ['X-Amz-Signature']);
  const canonical = `${verb}\n${path}\n${query}\n${headerLines}\n${signed}\n${bodyHash}`;
  const digest = createHash('sha256').update(canonical).digest('hex');
  const text = `AWS4-HMAC-SHA256\n${date}\n${[day, region, service, end].join('/')}\n${digest}`;
  return createHmac('sha256', keyVersion4(secret, day, region, service))
    .update(text)
    .digest('hex');
}

function keyVersion4(secret: string, day: string, region: string, service: string): Buffer {
  return [day, region, service, 'aws4_request'].reduce<Buffer>(
    (key, text) => createHmac('sha256', key).update(text).digest(),
    Buffer.from(`AWS4${secret}`),
  );
}

function canonicalQuery(params: Readonly<Record<string, string>>, without: readonly string[]): string {
  return Object.keys(params)
    .filter((name) => !without.includes(name))
    .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map((name) => `${encode(name)}=${encode(params[name] ?? '')}`)
    .join('&');
}

function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function isSame(expected: string, given: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(given)];
  return a.length === b.length && timingSafeEqual(a, b);
}
