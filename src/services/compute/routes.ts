import type { Route } from '#kernel/api/route.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { aggregateRoutes } from './aggregates/routes.ts';
import { availabilityZoneRoutes } from './availability-zones/routes.ts';
import { computeServiceRoutes } from './compute-services/routes.ts';
import { consoleActions } from './consoles/actions.ts';
import { consoleRoutes } from './consoles/routes.ts';
import type { ComputeDeps } from './deps.ts';
import { extensionRoutes } from './extensions/routes.ts';
import { externalEventRoutes } from './external-events/routes.ts';
import { flavorRoutes } from './flavors/routes.ts';
import { goneRoutes } from './gone/routes.ts';
import { hypervisorRoutes } from './hypervisors/routes.ts';
import { instanceActionRoutes } from './instance-actions/routes.ts';
import { keyPairRoutes } from './key-pairs/routes.ts';
import { legacyHostRoutes } from './legacy-hosts/routes.ts';
import { limitRoutes } from './limits/routes.ts';
import { migrationRoutes } from './migrations/routes.ts';
import { floatingIpActions, floatingIpProxyRoutes } from './proxies/floating-ips.ts';
import { imageProxyRoutes } from './proxies/images.ts';
import { networkProxyRoutes } from './proxies/networks.ts';
import { securityGroupActions, securityGroupProxyRoutes } from './proxies/security-groups.ts';
import { quotaRoutes } from './quotas/routes.ts';
import { atAllRoots } from './roots.ts';
import { serverGroupRoutes } from './server-groups/routes.ts';
import { serverActionRoutes } from './servers/actions/routes.ts';
import { serverDiagnosticsRoutes } from './servers/diagnostics.ts';
import { refreshPorts } from './servers/guests/refresh.ts';
import { serverInterfaceRoutes } from './servers/interfaces/routes.ts';
import { serverIpRoutes } from './servers/ips/routes.ts';
import { serverMetadataRoutes } from './servers/metadata/routes.ts';
import { serverPasswordRoutes } from './servers/password.ts';
import { serverRoutes } from './servers/routes.ts';
import { serverTagRoutes } from './servers/tags/routes.ts';
import { tenantUsageRoutes } from './tenant-usage/routes.ts';
import { usageAuditRoutes } from './usage-audit/routes.ts';
import { versionRoutes } from './versions.ts';

/** Every operation of the service. */
export function computeRoutes(deps: ComputeDeps): Route[] {
  const routes: Route[] = [
    ...aggregateRoutes(deps),
    ...availabilityZoneRoutes(deps),
    ...computeServiceRoutes(deps),
    ...hypervisorRoutes(deps),
    ...legacyHostRoutes(deps),
    ...consoleRoutes(deps),
    ...flavorRoutes(deps),
    ...keyPairRoutes(deps),
    ...limitRoutes(deps),
    ...quotaRoutes(deps),
    ...instanceActionRoutes(deps),
    ...tenantUsageRoutes(deps),
    ...usageAuditRoutes(deps),
    ...extensionRoutes,
    ...migrationRoutes(deps),
    ...goneRoutes,
    ...networkProxyRoutes(deps),
    ...floatingIpProxyRoutes(deps),
    ...securityGroupProxyRoutes(deps),
    ...imageProxyRoutes(deps),
    ...externalEventRoutes(deps, (serverId) => inTransaction(deps.db, (tx) => refreshPorts(deps, tx, serverId))),
    ...serverGroupRoutes(deps),
    ...serverRoutes(deps),
    ...serverActionRoutes(deps, [...consoleActions(deps), ...securityGroupActions(deps), ...floatingIpActions(deps)]),
    ...serverMetadataRoutes(deps),
    ...serverTagRoutes(deps),
    ...serverIpRoutes(deps),
    ...serverInterfaceRoutes(deps),
    ...serverPasswordRoutes(deps),
    ...serverDiagnosticsRoutes(deps),
  ];
  return [...versionRoutes, ...routes.flatMap(atAllRoots)];
}
