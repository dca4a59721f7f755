import { isoSeconds } from '#kernel/wire-times.ts';
import { viewLocations } from '../locations/view.ts';
import type { Image } from './store.ts';

/** Properties that the service keeps for itself. */
const HIDDEN_PROPERTIES: ReadonlySet<string> = new Set(['os_glance_stage_host']);

/** An image as clients see it; where its data is only if that is to be seen. Its links are relative, as the real service's are. */
export function viewImage(image: Image, showLocations = false): Record<string, unknown> {
  const { row, properties, tags, stores, copies, remote } = image;
  const self = `/v2/images/${row.id}`;
  return {
    ...Object.fromEntries(Object.entries(properties).filter(([name]) => !HIDDEN_PROPERTIES.has(name))),
    name: row.name,
    disk_format: row.disk_format,
    container_format: row.container_format,
    visibility: row.visibility,
    size: row.size,
    virtual_size: row.virtual_size,
    status: row.status,
    checksum: row.checksum,
    protected: row.is_protected === 1,
    min_ram: row.min_ram,
    min_disk: row.min_disk,
    owner: row.owner,
    os_hidden: row.is_hidden === 1,
    os_hash_algo: row.os_hash_algo,
    os_hash_value: row.os_hash_value,
    id: row.id,
    created_at: isoSeconds(row.created_at),
    updated_at: isoSeconds(row.updated_at),
    tags,
    self,
    file: `${self}/file`,
    schema: '/v2/schemas/image',
    ...(showLocations ? { locations: viewLocations(copies, remote) } : {}),
    ...(stores.length > 0 ? { stores: stores.toSorted().join(',') } : {}),
  };
}

/** One page with its links; `query` is what was asked, and stays in the links. */
export function viewPage(
  images: readonly Image[],
  query: URLSearchParams,
  nextMarker: string | undefined,
  showLocations = false,
): Record<string, unknown> {
  const params = new URLSearchParams(query);
  params.delete('marker');
  const first = params.size === 0 ? '/v2/images' : `/v2/images?${params.toString()}`;
  if (nextMarker !== undefined) params.set('marker', nextMarker);
  return {
    images: images.map((image) => viewImage(image, showLocations)),
    first,
    schema: '/v2/schemas/images',
    ...(nextMarker === undefined ? {} : { next: `/v2/images?${params.toString()}` }),
  };
}
