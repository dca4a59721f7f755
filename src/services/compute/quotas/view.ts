import type { ApiRequest } from '#kernel/api/route.ts';
import { compute } from '../microversions.ts';
import { type Limits, QUOTA_RESOURCES, type QuotaResource, type Usage } from './resources.ts';

const NETWORK: readonly QuotaResource[] = ['fixed_ips', 'floating_ips', 'security_group_rules', 'security_groups'];
const PERSONALITY: readonly QuotaResource[] = [
  'injected_files',
  'injected_file_content_bytes',
  'injected_file_path_bytes',
];
const GROUPS: readonly QuotaResource[] = ['server_groups', 'server_group_members'];

type Has = Pick<ApiRequest, 'has'>;

/** The resources that a microversion knows in quota sets, in order. */
export function shownResources({ has }: Has): QuotaResource[] {
  const hidden = [...(has(compute.noProxies) ? NETWORK : []), ...(has(compute.noPersonality) ? PERSONALITY : [])];
  return QUOTA_RESOURCES.filter((name) => !hidden.includes(name));
}

function shownClassResources({ has }: Has): QuotaResource[] {
  const hidden = [
    ...(has(compute.quotaClassesWhole) ? NETWORK : GROUPS),
    ...(has(compute.noPersonality) ? PERSONALITY : []),
  ];
  return QUOTA_RESOURCES.filter((name) => !hidden.includes(name));
}

export function quotaSet(request: Has, limits: Limits, id?: string): Record<string, unknown> {
  return { ...(id === undefined ? {} : { id }), ...pick(shownResources(request), limits) };
}

export function detailedQuotaSet(request: Has, limits: Limits, usage: Usage, id: string): Record<string, unknown> {
  const entries = shownResources(request).map((name) => [
    name,
    { limit: limits[name], in_use: usage[name], reserved: 0 },
  ]);
  return { id, ...Object.fromEntries(entries) };
}

export function quotaClassSet(request: Has, limits: Limits, id?: string): Record<string, unknown> {
  return { ...(id === undefined ? {} : { id }), ...pick(shownClassResources(request), limits) };
}

function pick(names: readonly QuotaResource[], limits: Limits): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, limits[name]]));
}
