import type { ImageLocationRow } from '../images/tables.ts';
import type { RemoteLocation } from './store.ts';

/** A location as clients see it. A copy in a store goes by a name that says nothing of the controller's disks. */
export function viewLocations(
  copies: readonly Pick<ImageLocationRow, 'store' | 'data_id'>[],
  remote: readonly RemoteLocation[],
): RemoteLocation[] {
  return [
    ...copies.map(({ store, data_id }) => ({ url: `pileus://${store}/${data_id}`, metadata: { store } })),
    ...remote,
  ];
}
