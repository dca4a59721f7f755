/**
 * What those who run the cloud ask beyond OpenStack's APIs: `/operations/v1/…` on the dashboard's port, with an administrator's token.
 * `pileus status` shows it.
 */
import { STATUS_CODES } from 'node:http';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { ErrorStyle } from '#kernel/api/envelope.ts';
import { type Route, route } from '#kernel/api/route.ts';
import { createPolicy, type PolicyRule } from '#kernel/auth/policy.ts';
import { BadRequest } from '#kernel/errors.ts';
import { createServiceApp } from '#kernel/http/service-app.ts';
import type { Service, ServiceDeps } from '#kernel/service.ts';
import type { TaskStatus } from '#kernel/tasks/task.ts';
import type { HostHealth } from '#services/compute/index.ts';
import { ORPHAN_RULES, orphanRoutes } from './operations/orphans.ts';
import { RESOURCE_RULES, resourceRoutes } from './operations/resources.ts';

export interface OperationsDeps extends ServiceDeps {
  readonly compute: { listHostHealth(): Promise<HostHealth[]> };
  /** Who is asked about resources, in this order. */
  readonly services: readonly Pick<Service, 'operations'>[];
}

/** Tasks hand over and do not wait for hosts: one that takes longer is held up by something. */
export const LATE_AFTER_MS = 60_000;
/** Late tasks shown; where there are more, the first say why. */
const MAX_LATE = 50;

const RULES: readonly PolicyRule[] = [
  { name: 'operations:list_hosts', check: 'role:admin' },
  { name: 'operations:list_late_tasks', check: 'role:admin' },
  ...RESOURCE_RULES,
  ...ORPHAN_RULES,
];

const Words = Type.Object({ en: Type.String(), zh: Type.String() });
const Notice = Type.Object({
  code: Type.String({ description: 'Stable, such as `host.disk_low`.' }),
  level: Type.Union([Type.Literal('trouble'), Type.Literal('info')]),
  message: Words,
  next_step: Words,
});
const Hosts = Type.Object({
  hosts: Type.Array(
    Type.Object({
      id: Type.String({ format: 'uuid' }),
      name: Type.String(),
      is_up: Type.Boolean(),
      last_seen_at: Type.String({ format: 'date-time' }),
      notices: Type.Array(Notice),
    }),
  ),
});
const LateTasks = Type.Object({
  tasks: Type.Array(
    Type.Object({
      id: Type.String({ format: 'uuid' }),
      kind: Type.String({ description: 'What is done, such as `compute.server.build`.' }),
      resource_id: Type.String(),
      request_id: Type.String({ description: 'The request that asked for it.' }),
      direction: Type.Union([Type.Literal('forward'), Type.Literal('undo')]),
      step: Type.Integer({ description: 'Counted from 0.' }),
      attempts: Type.Integer({ description: 'How often this step has failed.' }),
      error: Type.Union([Type.String(), Type.Null()]),
      is_held: Type.Boolean({ description: 'Whether a controller works on it now.' }),
      created_at: Type.String({ format: 'date-time' }),
      next_try_at: Type.String({ format: 'date-time' }),
      deadline_at: Type.String({ format: 'date-time', description: 'From then on it is undone.' }),
    }),
  ),
});

const style: ErrorStyle = {
  envelope: ({ status, message }) => ({
    contentType: 'application/json',
    body: JSON.stringify({ error: { code: status, title: STATUS_CODES[status] ?? 'Error', message } }),
  }),
  invalid: (part, { path, message }) => new BadRequest('operations.invalid_input', `${part} ${path}: ${message}`),
};

/** Builds the application; it has no port of its own. */
export function createOperations(deps: OperationsDeps): FastifyInstance {
  const { settings, clock, log, metrics, authenticator } = deps;
  const policy = createPolicy({
    rules: RULES,
    file: join(settings.configDir, 'operations', 'policy.yaml'),
    log,
    monotonicMs: () => clock.monotonicMs(),
  });
  const parts = deps.services.flatMap(({ operations }) => operations ?? []);
  return createServiceApp({
    type: 'operations',
    routes: [
      ...operationsRoutes(deps),
      ...resourceRoutes({ parts, policy }),
      ...orphanRoutes({ parts, tasks: deps.tasks, db: deps.db, clock }),
    ],
    style,
    policy,
    authenticator,
    publicUrl: `${settings.publicUrls['dashboard'] ?? ''}/operations`,
    identityUrl: settings.publicUrls['identity'] ?? '',
    clock,
    log,
    metrics,
  });
}

function operationsRoutes({ compute, tasks, db, clock }: OperationsDeps): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/hosts',
      name: 'listHosts',
      policy: 'operations:list_hosts',
      response: Hosts,
      handler: async () => ({ hosts: (await compute.listHostHealth()).map(viewHost) }),
    }),
    route({
      method: 'GET',
      path: '/v1/tasks/late',
      name: 'listLateTasks',
      policy: 'operations:list_late_tasks',
      response: LateTasks,
      handler: async () => {
        const before = clock.now().getTime() - LATE_AFTER_MS;
        return { tasks: (await tasks.listOlderThan(db, before, MAX_LATE)).map(viewTask) };
      },
    }),
  ];
}

function viewHost({ id, hostname, isUp, lastSeenAt, notices }: HostHealth): unknown {
  return {
    id,
    name: hostname,
    is_up: isUp,
    last_seen_at: lastSeenAt.toISOString(),
    notices: notices.map(({ nextStep, ...notice }) => ({ ...notice, next_step: nextStep })),
  };
}

function viewTask(task: TaskStatus): unknown {
  return {
    id: task.id,
    kind: task.name,
    resource_id: task.resourceId,
    request_id: task.requestId,
    direction: task.direction,
    step: task.step,
    attempts: task.attempts,
    error: task.error?.message ?? null,
    is_held: task.leaseOwner !== null,
    created_at: new Date(task.createdAt).toISOString(),
    next_try_at: new Date(task.nextTryAt).toISOString(),
    deadline_at: new Date(task.deadlineAt).toISOString(),
  };
}
