import type { Route } from '#kernel/api/route.ts';
import type { ComputeDeps } from './deps.ts';
import { flavorRoutes } from './flavors/routes.ts';
import { keyPairRoutes } from './key-pairs/routes.ts';
import { limitRoutes } from './limits/routes.ts';
import { quotaRoutes } from './quotas/routes.ts';
import { atBothRoots } from './roots.ts';
import { serverGroupRoutes } from './server-groups/routes.ts';
import { versionRoutes } from './versions.ts';

/** Every operation of the service. */
export function computeRoutes(deps: ComputeDeps): Route[] {
  const routes: Route[] = [
    ...flavorRoutes(deps),
    ...keyPairRoutes(deps),
    ...limitRoutes(deps),
    ...quotaRoutes(deps),
    ...serverGroupRoutes(deps),
  ];
  return [...versionRoutes, ...routes.flatMap(atBothRoots)];
}
