import type { ApiRequest } from '#kernel/api/route.ts';
import { compute } from '../microversions.ts';
import { linksOf } from '../roots.ts';
import type { Flavor } from './store.ts';

/** @see nova/api/openstack/compute/views/flavors.py */
export function briefFlavor(request: ApiRequest, flavor: Flavor): Record<string, unknown> {
  return {
    id: flavor.id,
    name: flavor.name,
    links: linksOf(request, 'flavors', flavor.id),
    ...(request.has(compute.flavorDescription) ? { description: flavor.description } : {}),
  };
}

/** @param withSpecs Whether the caller may see extra specs. */
export function wholeFlavor(request: ApiRequest, flavor: Flavor, withSpecs: boolean): Record<string, unknown> {
  return {
    id: flavor.id,
    name: flavor.name,
    ram: flavor.memory_mib,
    disk: flavor.root_gib,
    swap: flavor.swap_mib > 0 ? flavor.swap_mib : request.has(compute.strictQueries) ? 0 : '',
    'OS-FLV-EXT-DATA:ephemeral': flavor.ephemeral_gib,
    'OS-FLV-DISABLED:disabled': flavor.is_disabled === 1,
    vcpus: flavor.vcpus,
    'os-flavor-access:is_public': flavor.is_public === 1,
    rxtx_factor: flavor.rxtx_factor,
    links: linksOf(request, 'flavors', flavor.id),
    ...(request.has(compute.flavorDescription) ? { description: flavor.description } : {}),
    ...(request.has(compute.flavorExtraSpecs) && withSpecs ? { extra_specs: flavor.extraSpecs } : {}),
  };
}
