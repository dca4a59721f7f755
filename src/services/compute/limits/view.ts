import type { ApiRequest } from '#kernel/api/route.ts';
import { compute } from '../microversions.ts';
import type { Limits, QuotaResource, Usage } from '../quotas/resources.ts';
import { shownResources } from '../quotas/view.ts';

const MAXIMA: readonly (readonly [string, QuotaResource])[] = [
  ['maxTotalInstances', 'instances'],
  ['maxTotalCores', 'cores'],
  ['maxTotalRAMSize', 'ram'],
  ['maxTotalFloatingIps', 'floating_ips'],
  ['maxServerMeta', 'metadata_items'],
  ['maxImageMeta', 'metadata_items'],
  ['maxPersonality', 'injected_files'],
  ['maxPersonalitySize', 'injected_file_content_bytes'],
  ['maxSecurityGroups', 'security_groups'],
  ['maxSecurityGroupRules', 'security_group_rules'],
  ['maxTotalKeypairs', 'key_pairs'],
  ['maxServerGroups', 'server_groups'],
  ['maxServerGroupMembers', 'server_group_members'],
];
const USED: readonly (readonly [string, QuotaResource])[] = [
  ['totalRAMUsed', 'ram'],
  ['totalCoresUsed', 'cores'],
  ['totalInstancesUsed', 'instances'],
  ['totalFloatingIpsUsed', 'floating_ips'],
  ['totalSecurityGroupsUsed', 'security_groups'],
  ['totalServerGroupsUsed', 'server_groups'],
];

/** @see nova/api/openstack/compute/views/limits.py */
export function limitsBody(request: Pick<ApiRequest, 'has'>, limits: Limits, usage: Usage): unknown {
  const shown = shownResources(request);
  const absolute: Record<string, number> = {};
  for (const [name, resource] of MAXIMA) {
    if (name === 'maxImageMeta' && request.has(compute.noImageMetadata)) continue;
    if (shown.includes(resource)) absolute[name] = limits[resource];
  }
  for (const [name, resource] of USED) if (shown.includes(resource)) absolute[name] = usage[resource];
  return { limits: { rate: [], absolute } };
}
