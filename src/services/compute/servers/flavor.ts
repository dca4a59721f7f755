import type { RequestContext } from '#kernel/auth/context.ts';
import { badInput } from '../bad-input.ts';
import type { ComputeDeps } from '../deps.ts';
import { flavorViewer } from '../flavors/logic.ts';
import { findFlavor } from '../flavors/store.ts';
import type { ServerFlavor } from './tables.ts';

/**
 * The flavor that a user names for a server, as the server keeps it.
 * @param ref An id, or a URL that ends with one.
 * @throws {BadRequest} `compute.invalid_input` when the caller has no such flavor, or it's disabled.
 */
export async function readFlavor(deps: ComputeDeps, ctx: RequestContext, ref: string | number): Promise<ServerFlavor> {
  const id = String(ref).split('/').at(-1) ?? '';
  const flavor = await findFlavor(deps.db, id, flavorViewer(deps, ctx));
  if (flavor === undefined || flavor.is_disabled === 1) throw badInput(`Flavor ${id} could not be found.`);
  return {
    id: flavor.id,
    name: flavor.name,
    memoryMib: flavor.memory_mib,
    vcpus: flavor.vcpus,
    rootGib: flavor.root_gib,
    ephemeralGib: flavor.ephemeral_gib,
    swapMib: flavor.swap_mib,
    rxtxFactor: flavor.rxtx_factor,
    extraSpecs: flavor.extraSpecs,
  };
}
