import { Type } from 'typebox';
import { type Route, route } from '#kernel/api/route.ts';
import type { ComputeDeps } from '../deps.ts';
import { compute } from '../microversions.ts';
import { changeLegacyHost, describeLegacyHost, findLegacyHosts, powerLegacyHost } from './logic.ts';

const rule = (verb: string): string => `os_compute_api:os-hosts:${verb}`;
const Switch = Type.Optional(
  Type.Unsafe<string>({ type: 'string', enum: ['enable', 'disable', 'Enable', 'Disable', 'ENABLE', 'DISABLE'] }),
);

/** Hosts as they were until 2.42. @see https://docs.openstack.org/api-ref/compute/#hosts-os-hosts-deprecated */
export const legacyHostRoutes = (deps: ComputeDeps): Route[] => [
  route({
    method: 'GET',
    path: '/os-hosts',
    name: 'listHosts',
    before: compute.noHosts,
    policy: rule('list'),
    query: Type.Object({ zone: Type.Optional(Type.String()) }, { additionalProperties: true }),
    handler: async ({ query }) => ({ hosts: await findLegacyHosts(deps, query.zone) }),
  }),
  route({
    method: 'GET',
    path: '/os-hosts/:hostname',
    name: 'showHost',
    before: compute.noHosts,
    policy: rule('show'),
    handler: async ({ params }) => ({ host: await describeLegacyHost(deps, params['hostname'] ?? '') }),
  }),
  route({
    method: 'PUT',
    path: '/os-hosts/:hostname',
    name: 'updateHost',
    before: compute.noHosts,
    policy: rule('update'),
    body: Type.Object({ status: Switch, maintenance_mode: Switch }, { additionalProperties: false, minProperties: 1 }),
    handler: ({ params, body }) => changeLegacyHost(deps, params['hostname'] ?? '', body),
  }),
  ...(['startup', 'shutdown', 'reboot'] as const).map((action) =>
    route({
      method: 'GET',
      path: `/os-hosts/:hostname/${action}`,
      name: `${action}Host`,
      before: compute.noHosts,
      policy: rule(action === 'startup' ? 'start' : action),
      handler: ({ params }) => powerLegacyHost(deps, params['hostname'] ?? ''),
    }),
  ),
];
