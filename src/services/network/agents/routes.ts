import { Reply, type Route, route } from '#kernel/api/route.ts';
import type { NetworkDeps } from '../deps.ts';
import { networkResource } from '../networks/resource.ts';
import { listItems } from '../resources/operations.ts';
import { EVERYTHING, readQuery } from '../resources/query.ts';
import { AnyBody } from '../resources/schema.ts';
import { routerResource } from '../routers/resource.ts';
import {
  AGENT_FILTERS,
  addNetworkToAgent,
  addRouterToAgent,
  agentsOfNetwork,
  agentsOfRouter,
  deleteAgent,
  listAgentItems,
  networkIdsOfAgent,
  removeNetworkFromAgent,
  removeRouterFromAgent,
  routerIdsOfAgent,
  showAgent,
  updateAgent,
} from './logic.ts';

export const agentRoutes = (deps: NetworkDeps): Route[] => [
  route({
    method: 'GET',
    path: '/v2.0/agents',
    name: 'listAgents',
    handler: async ({ ctx, query }) => {
      const { filters, fields } = readQuery(query, {}, AGENT_FILTERS);
      const agents = await listAgentItems(deps, ctx, filters);
      return { agents: agents.map((agent) => chosen(agent, fields)) };
    },
  }),
  route({
    method: 'GET',
    path: '/v2.0/agents/:id',
    name: 'showAgent',
    handler: async ({ ctx, params }) => ({ agent: await showAgent(deps, ctx, params['id'] ?? '') }),
  }),
  route({
    method: 'PUT',
    path: '/v2.0/agents/:id',
    name: 'updateAgent',
    body: AnyBody,
    handler: async ({ ctx, params, body }) => ({ agent: await updateAgent(deps, ctx, params['id'] ?? '', body) }),
  }),
  route({
    method: 'DELETE',
    path: '/v2.0/agents/:id',
    name: 'deleteAgent',
    handler: async ({ ctx, params }) => {
      await deleteAgent(deps, ctx, params['id'] ?? '');
      return new Reply({ status: 204 });
    },
  }),
  route({
    method: 'GET',
    path: '/v2.0/agents/:id/dhcp-networks',
    name: 'listNetworksOfAgent',
    handler: async ({ ctx, params }) => {
      const ids = await networkIdsOfAgent(deps, ctx, params['id'] ?? '');
      const found = await listItems(deps, networkResource, ctx, { ...EVERYTHING, filters: { id: ids } });
      return { networks: found.items };
    },
  }),
  route({
    method: 'POST',
    path: '/v2.0/agents/:id/dhcp-networks',
    name: 'addNetworkToAgent',
    status: 201,
    body: AnyBody,
    handler: async ({ ctx, params, body }) => {
      await addNetworkToAgent(deps, ctx, params['id'] ?? '', body);
      return null;
    },
  }),
  route({
    method: 'DELETE',
    path: '/v2.0/agents/:id/dhcp-networks/:networkId',
    name: 'removeNetworkFromAgent',
    handler: async ({ ctx, params }) => {
      await removeNetworkFromAgent(deps, ctx, params['id'] ?? '', params['networkId'] ?? '');
      return new Reply({ status: 204 });
    },
  }),
  route({
    method: 'GET',
    path: '/v2.0/networks/:id/dhcp-agents',
    name: 'listAgentsOfNetwork',
    handler: async ({ ctx, params }) => ({ agents: await agentsOfNetwork(deps, ctx, params['id'] ?? '') }),
  }),
  route({
    method: 'GET',
    path: '/v2.0/agents/:id/l3-routers',
    name: 'listRoutersOfAgent',
    handler: async ({ ctx, params }) => {
      const ids = await routerIdsOfAgent(deps, ctx, params['id'] ?? '');
      const found = await listItems(deps, routerResource, ctx, { ...EVERYTHING, filters: { id: ids } });
      return { routers: found.items };
    },
  }),
  route({
    method: 'POST',
    path: '/v2.0/agents/:id/l3-routers',
    name: 'addRouterToAgent',
    status: 201,
    body: AnyBody,
    handler: async ({ ctx, params, body }) => {
      await addRouterToAgent(deps, ctx, params['id'] ?? '', body);
      return null;
    },
  }),
  route({
    method: 'DELETE',
    path: '/v2.0/agents/:id/l3-routers/:routerId',
    name: 'removeRouterFromAgent',
    handler: async ({ ctx, params }) => {
      await removeRouterFromAgent(deps, ctx, params['id'] ?? '', params['routerId'] ?? '');
      return new Reply({ status: 204 });
    },
  }),
  route({
    method: 'GET',
    path: '/v2.0/routers/:id/l3-agents',
    name: 'listAgentsOfRouter',
    handler: async ({ ctx, params }) => ({ agents: await agentsOfRouter(deps, ctx, params['id'] ?? '') }),
  }),
];

function chosen(item: Readonly<Record<string, unknown>>, fields: readonly string[]): Readonly<Record<string, unknown>> {
  return fields.length === 0
    ? item
    : Object.fromEntries(Object.entries(item).filter(([name]) => fields.includes(name)));
}
