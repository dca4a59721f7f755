import type { RequestContext } from '#kernel/auth/context.ts';
import { BadRequest, CloudError, Forbidden } from '#kernel/errors.ts';
import type { ImageId } from '#kernel/ids.ts';
import type { Stores } from '../data/stores.ts';
import { type AccessDeps, enforceOnImage, getVisibleImage, type SeenImage } from '../images/access.ts';
import { checkFormatsSet } from '../images/formats-set.ts';
import type { Change } from '../images/patch.ts';
import type { Image } from '../images/store.ts';
import type { ImageRow } from '../images/tables.ts';
import { type DownloadRules, parseDownloadUri } from '../imports/addresses.ts';
import { openDownload, type Resolve } from '../imports/download.ts';
import {
  addLocation,
  checkLocationStatus,
  type GivenLocation,
  mergeValidation,
  readLocation,
  removeLocation,
  replaceLocations,
} from './changes.ts';
import type { RemoteLocation } from './store.ts';
import { viewLocations } from './view.ts';

export interface LocationDeps extends AccessDeps {
  readonly stores: Stores;
  readonly downloadRules: DownloadRules;
  readonly resolve: Resolve | undefined;
  readonly showLocations: boolean;
}

/** An image's locations being changed. */
export interface LocationDraft {
  readonly copies: Image['copies'];
  readonly remote: readonly RemoteLocation[];
  /** Copies that go away with the change. */
  readonly removed: Image['copies'];
  /** What the change makes of the image itself. */
  readonly patch: Partial<ImageRow>;
}

/** How long a place on the web may take to say how much it has, before the change is refused. */
const MEASURE_MS = 20_000;
const COPY = 'pileus:';

/**
 * Asks the places that a patch names how many bytes they have: beforehand, as no transaction may wait for the web.
 * @throws {BadRequest} `image.location` for a place that may not be asked, cannot be reached, or has nothing.
 */
export async function measureLocations(
  deps: LocationDeps,
  ctx: RequestContext,
  id: ImageId,
  changes: readonly Change[],
): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  if (!deps.showLocations || !changes.some(({ name, op }) => name === 'locations' && op !== 'remove')) return sizes;
  const image = await getVisibleImage(deps, ctx, id);
  enforceOnImage(deps, ctx, 'set_image_location', image);
  const known = new Set(viewLocations(image.copies, image.remote).map(({ url }) => url));
  for (const { url } of changes.flatMap(givenLocations)) {
    if (!known.has(url) && !sizes.has(url)) sizes.set(url, await measure(deps, url));
  }
  return sizes;
}

/**
 * Applies one change to an image's locations.
 * @throws {Forbidden} `image.locations.…`, also when they are not shown at all; {Conflict}, {BadRequest} or {TooLarge} `image.location…`.
 */
export function changeLocations(
  deps: LocationDeps,
  ctx: RequestContext,
  image: SeenImage,
  before: LocationDraft | undefined,
  change: Change,
  sizes: ReadonlyMap<string, number>,
): LocationDraft {
  const { op, value, position } = change;
  if (op === 'replace' && Array.isArray(value) && value.length === 0) {
    throw new Forbidden('image.locations.empty', 'Cannot set locations to empty list.');
  }
  enforceOnImage(deps, ctx, op === 'remove' ? 'delete_image_location' : 'set_image_location', image);
  if (!deps.showLocations) {
    const verb = { add: 'add', remove: 'remove', replace: 'update' }[op];
    throw new Forbidden('image.locations.hidden', `It's not allowed to ${verb} locations if locations are invisible.`);
  }
  const draft = before ?? { copies: image.copies, remote: image.remote, removed: [], patch: {} };
  const row = { ...image.row, ...draft.patch };
  checkLocationStatus(row.status, op);
  const all = viewLocations(draft.copies, draft.remote);
  if (op === 'remove') return withoutLocation(draft, removeLocation(all, position));
  const given = givenLocations(change);
  const next = op === 'add' ? addLocation(all, position, given[0] as GivenLocation) : replaceLocations(all, given);
  const validated = mergeValidation(row, given);
  return {
    ...draft,
    remote: next.filter(({ url }) => !url.startsWith(COPY)),
    patch: { ...draft.patch, ...activated(row, next, sizes), ...validated },
  };
}

function givenLocations({ name, op, value }: Change): GivenLocation[] {
  if (name !== 'locations' || op === 'remove') return [];
  return (op === 'add' ? [value] : (value as unknown[])).map(readLocation);
}

/** A queued image becomes active with its first location, and has as many bytes as that says. Nobody has looked at them. */
function activated(
  row: ImageRow,
  locations: readonly RemoteLocation[],
  sizes: ReadonlyMap<string, number>,
): Partial<ImageRow> {
  if (row.status !== 'queued') return {};
  checkFormatsSet({ row });
  const size = sizes.get(locations[0]?.url ?? '') ?? null;
  return { status: 'active', size, is_as_declared: 0, content_format: null };
}

function withoutLocation(
  draft: LocationDraft,
  { removed, rest }: { readonly removed: RemoteLocation; readonly rest: readonly RemoteLocation[] },
): LocationDraft {
  if (!removed.url.startsWith(COPY)) return { ...draft, remote: rest.filter(({ url }) => !url.startsWith(COPY)) };
  const isRemoved = ({ store }: Image['copies'][number]): boolean => store === removed.metadata['store'];
  return {
    ...draft,
    copies: draft.copies.filter((copy) => !isRemoved(copy)),
    removed: [...draft.removed, ...draft.copies.filter(isRemoved)],
  };
}

async function measure({ downloadRules, resolve }: LocationDeps, url: string): Promise<number> {
  const invalid = new BadRequest('image.location', 'Invalid location');
  if (parseDownloadUri(url, downloadRules) === undefined) throw invalid;
  try {
    const { stream, sizeBytes } = await openDownload(url, {
      rules: downloadRules,
      resolve,
      signal: AbortSignal.timeout(MEASURE_MS),
    });
    stream.destroy();
    if (sizeBytes === undefined || sizeBytes === 0) throw invalid;
    return sizeBytes;
  } catch (error) {
    if (error instanceof CloudError) throw invalid;
    throw error;
  }
}
