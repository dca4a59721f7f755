import type { ApiRequest } from '#kernel/api/route.ts';
import { compute } from '../microversions.ts';
import type { ServerGroup } from './store.ts';

/** @see nova/api/openstack/compute/server_groups.py, _format_server_group */
export function serverGroupBody({ has }: Pick<ApiRequest, 'has'>, group: ServerGroup): Record<string, unknown> {
  const rules = group.max_server_per_host === null ? {} : { max_server_per_host: group.max_server_per_host };
  return {
    id: group.id,
    name: group.name,
    ...(has(compute.serverGroupPolicy) ? { policy: group.policy, rules } : { policies: [group.policy], metadata: {} }),
    members: group.members,
    ...(has(compute.serverGroupProject) ? { project_id: group.project_id, user_id: group.user_id } : {}),
  };
}
