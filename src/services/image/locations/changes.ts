/**
 * Changes of an image's locations: what a patch may do to them, as pure functions.
 * @see glance/api/v2/images.py _do_add_locations, _do_replace_locations, _do_remove_locations
 */
import { isDeepStrictEqual } from 'node:util';
import { BadRequest, Conflict, Forbidden, TooLarge } from '#kernel/errors.ts';
import type { ImageStatus } from '../images/states.ts';
import type { ImageRow } from '../images/tables.ts';
import type { RemoteLocation } from './store.ts';

/** glance's `image_location_quota`. */
const MAX_LOCATIONS = 10;
const MD5_DIGITS = 32;
const SHA512_DIGITS = 128;

/** A location as it is given: what it claims of its data goes into the image. */
export interface GivenLocation extends RemoteLocation {
  readonly validation: Validation;
}

type Validation = Partial<Record<(typeof VALIDATED)[number], string>>;
const VALIDATED = ['checksum', 'os_hash_algo', 'os_hash_value'] as const;

const bad = (message: string): BadRequest => new BadRequest('image.location', message);

/** Takes a location apart; the schema has been checked. */
export function readLocation(value: unknown): GivenLocation {
  const {
    url,
    metadata,
    validation_data: validation = {},
  } = value as { url: string; metadata: Record<string, unknown>; validation_data?: Validation };
  return { url, metadata, validation };
}

/** @throws {Conflict} `image.location.status`. */
export function checkLocationStatus(status: ImageStatus, verb: 'add' | 'replace' | 'remove'): void {
  const allowed: readonly ImageStatus[] = verb === 'remove' ? ['active'] : ['active', 'queued'];
  if (!allowed.includes(status))
    throw new Conflict('image.location.status', `It's not allowed to ${verb} locations if image status is ${status}.`);
}

/** Puts a location in its place. @throws {BadRequest} `image.location`; {TooLarge} `image.location.too_many`. */
export function addLocation(
  all: readonly RemoteLocation[],
  position: string | undefined,
  { url, metadata }: GivenLocation,
): RemoteLocation[] {
  const at = position === '-' ? all.length : /^\d{1,4}$/.test(position ?? '') ? Number(position) : undefined;
  if (at === undefined) throw bad('Invalid position for adding a location.');
  if (all.some((other) => other.url === url && isDeepStrictEqual(other.metadata, metadata)))
    throw bad(`The location ${url} already exists`);
  return checkCount(all.toSpliced(at, 0, { url, metadata }));
}

/** Sets the locations of an image without any, or the metadata of those it has. @throws {BadRequest} `image.location`. */
export function replaceLocations(all: readonly RemoteLocation[], given: readonly GivenLocation[]): RemoteLocation[] {
  const urls = (locations: readonly RemoteLocation[]): string[] => locations.map(({ url }) => url).toSorted();
  if (all.length > 0 && !isDeepStrictEqual(urls(all), urls(given)))
    throw bad('Original locations is not empty: they can be added and removed, but not replaced.');
  if (new Set(given.map(({ url }) => url)).size !== given.length) throw bad('A location is given twice.');
  return checkCount(given.map(({ url, metadata }) => ({ url, metadata })));
}

/** @throws {Forbidden} `image.location.last`; {BadRequest} `image.location`. */
export function removeLocation(
  all: readonly RemoteLocation[],
  position: string | undefined,
): { readonly removed: RemoteLocation; readonly rest: RemoteLocation[] } {
  if (all.length === 1) throw new Forbidden('image.location.last', 'Cannot remove last location in the image.');
  const at = position === '-' ? all.length - 1 : /^\d{1,4}$/.test(position ?? '') ? Number(position) : -1;
  const removed = all[at];
  if (removed === undefined) throw bad('Invalid position for removing a location.');
  return { removed, rest: all.toSpliced(at, 1) };
}

/**
 * What locations claim of the image's data, held against what is known of it.
 * @returns what the image is to take over.
 * @throws {Conflict} `image.location.validation`.
 */
export function mergeValidation(row: ImageRow, given: readonly GivenLocation[]): Validation {
  const claimed: Validation = {};
  for (const { validation } of given) {
    for (const name of VALIDATED) {
      const value = validation[name];
      if (value === undefined) continue;
      if (claimed[name] !== undefined && claimed[name] !== value) throw conflict(`Conflicting values for ${name}`);
      claimed[name] = value;
    }
  }
  const fresh = Object.entries(claimed).filter(([name, value]) => row[name as keyof Validation] !== value);
  const differing = fresh.find(([name]) => row[name as keyof Validation] !== null);
  if (differing !== undefined) throw conflict(`${differing[0]} is already set with a different value`);
  if (fresh.length === 0) return {};
  if (row.status !== 'queued')
    throw conflict(
      `New value(s) for ${fresh.map(([name]) => name).join(', ')} may only be provided when image status is 'queued'`,
    );
  const merged: Validation = Object.fromEntries(fresh);
  if (merged.checksum !== undefined) checkDigits('checksum', merged.checksum, 'md5', MD5_DIGITS);
  if (merged.os_hash_algo !== 'sha512')
    throw conflict(`os_hash_algo must be sha512, not ${merged.os_hash_algo ?? 'None'}`);
  checkDigits('os_hash_value', merged.os_hash_value ?? '', 'sha512', SHA512_DIGITS);
  return merged;
}

function checkDigits(name: string, value: string, algorithm: string, digits: number): void {
  if (!/^[0-9a-f]*$/i.test(value)) throw conflict(`${name} (${value}) is not a valid hexadecimal value`);
  if (value.length !== digits)
    throw conflict(`${name} (${value}) is not the correct size for ${algorithm} (should be ${digits / 2} bytes)`);
}

function checkCount(locations: RemoteLocation[]): RemoteLocation[] {
  if (locations.length <= MAX_LOCATIONS) return locations;
  throw new TooLarge(
    'image.location.too_many',
    `The limit has been exceeded on the number of allowed image locations. Attempted: ${locations.length}, Maximum: ${MAX_LOCATIONS}`,
  );
}

function conflict(message: string): Conflict {
  return new Conflict('image.location.validation', message);
}
