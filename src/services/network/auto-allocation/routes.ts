import { Reply, type Route, route } from '#kernel/api/route.ts';
import type { NetworkDeps } from '../deps.ts';
import { readFields } from '../resources/query.ts';
import { checkRequirements, deleteTopology, getTopology } from './logic.ts';

export const autoAllocationRoutes = (deps: NetworkDeps): Route[] => [
  route({
    method: 'GET',
    path: '/v2.0/auto-allocated-topology/:projectId',
    name: 'showAutoAllocatedTopology',
    handler: async ({ ctx, params, query }) => {
      const project = params['projectId'] ?? '';
      const shown = { project_id: project, tenant_id: project };
      if (readFields(query).includes('dry-run')) {
        await checkRequirements(deps, ctx, project);
        return { auto_allocated_topology: { ...shown, id: 'dry-run=pass' } };
      }
      return { auto_allocated_topology: { ...shown, id: await getTopology(deps, ctx, project) } };
    },
  }),
  route({
    method: 'DELETE',
    path: '/v2.0/auto-allocated-topology/:projectId',
    name: 'deleteAutoAllocatedTopology',
    handler: async ({ ctx, params }) => {
      await deleteTopology(deps, ctx, params['projectId'] ?? '');
      return new Reply({ status: 204 });
    },
  }),
];
