import { type Route, route } from '#kernel/api/route.ts';
import { BadRequest } from '#kernel/errors.ts';
import type { ComputeDeps } from '../deps.ts';
import { auditLog } from './logic.ts';

const rule = (verb: string): string => `os_compute_api:os-instance-usage-audit-log:${verb}`;

/** @see https://docs.openstack.org/api-ref/compute/#server-usage-audit-log-os-instance-usage-audit-log */
export const usageAuditRoutes = (deps: ComputeDeps): Route[] => [
  route({
    method: 'GET',
    path: '/os-instance_usage_audit_log',
    name: 'listUsageAudits',
    policy: rule('list'),
    handler: async () => ({ instance_usage_audit_logs: await auditLog(deps, deps.clock.now().getTime()) }),
  }),
  route({
    method: 'GET',
    path: '/os-instance_usage_audit_log/:before',
    name: 'showUsageAudit',
    policy: rule('show'),
    handler: async ({ params }) => ({
      instance_usage_audit_log: await auditLog(deps, readTime(params['before'] ?? '')),
    }),
  }),
];

/** `2012-10-08 20:10:44`, perhaps with a fraction. */
function readTime(text: string): number {
  const at = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(?:\.\d{1,6})?$/.test(text)
    ? Date.parse(`${text.replace(' ', 'T')}Z`)
    : Number.NaN;
  if (Number.isNaN(at))
    throw new BadRequest('compute.invalid_input', `Invalid timestamp for date ${text.slice(0, 255)}`);
  return at;
}
