/**
 * Microversions: a client names the version of the API that it speaks, per request, and gets exactly that one.
 * @see https://specs.openstack.org/openstack/api-sig/guidelines/microversion_specification.html
 */
import { BadRequest, NotAcceptable } from '../errors.ts';

/** `2.93` as 2_0093: comparable as a number. */
export type Microversion = number & { readonly __version?: never };

export interface MicroversionRange {
  /** The service type in `OpenStack-API-Version: compute 2.93`. */
  readonly serviceType: string;
  readonly min: string;
  readonly max: string;
  /** A header from before the specification, such as `X-OpenStack-Nova-API-Version`. */
  readonly legacyHeader?: string;
}

const SCALE = 10_000;
const FORM = /^([1-9]\d{0,2})\.(0|[1-9]\d{0,3})$/;

/**
 * Reads `2.93`.
 * @throws {BadRequest} `microversion.malformed`.
 */
export function parseMicroversion(text: string): Microversion {
  const parts = FORM.exec(text);
  if (parts === null) {
    throw new BadRequest(
      'microversion.malformed',
      `API Version String '${text.slice(0, 40)}' is of invalid format. It must be of format 'MajorNum.MinorNum'.`,
    );
  }
  return Number(parts[1]) * SCALE + Number(parts[2]);
}

export function formatMicroversion(version: Microversion): string {
  return `${Math.floor(version / SCALE)}.${version % SCALE}`;
}

/**
 * Which version a request asks for: the newest for `latest`, the oldest when it says nothing.
 * @throws {BadRequest} `microversion.malformed`; {NotAcceptable} `microversion.unsupported` outside the range.
 */
export function negotiateMicroversion(
  range: MicroversionRange,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Microversion {
  const asked = askedVersion(range, headers);
  const [min, max] = [parseMicroversion(range.min), parseMicroversion(range.max)];
  if (asked === undefined) return min;
  if (asked === 'latest') return max;
  const version = parseMicroversion(asked);
  if (version < min || version > max) {
    throw new NotAcceptable(
      'microversion.unsupported',
      `Version ${asked} is not supported by the API. Minimum is ${range.min} and maximum is ${range.max}.`,
    );
  }
  return version;
}

function askedVersion(
  range: MicroversionRange,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): string | undefined {
  const standard = headers['openstack-api-version'];
  for (const entry of (Array.isArray(standard) ? standard.join(',') : (standard ?? '')).split(',')) {
    const [type, version, ...rest] = entry.trim().split(/\s+/);
    if (type?.toLowerCase() === range.serviceType && version !== undefined && rest.length === 0)
      return version.toLowerCase();
  }
  const legacy = range.legacyHeader === undefined ? undefined : headers[range.legacyHeader.toLowerCase()];
  return typeof legacy === 'string' ? legacy.trim().toLowerCase() : undefined;
}

/** What a response says of its version. */
export function microversionHeaders(range: MicroversionRange, version: Microversion): Record<string, string> {
  const text = formatMicroversion(version);
  const headers: Record<string, string> = {
    'OpenStack-API-Version': `${range.serviceType} ${text}`,
    Vary: 'OpenStack-API-Version',
  };
  if (range.legacyHeader !== undefined) {
    headers[range.legacyHeader] = text;
    headers['Vary'] = `OpenStack-API-Version, ${range.legacyHeader}`;
  }
  return headers;
}
