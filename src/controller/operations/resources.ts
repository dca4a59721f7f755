/** Asking the services about one resource, and ending what is under way with it. */
import { Type } from 'typebox';
import { type Route, route } from '#kernel/api/route.ts';
import type { RequestContext } from '#kernel/auth/context.ts';
import type { Policy, PolicyRule } from '#kernel/auth/policy.ts';
import { NotFound } from '#kernel/errors.ts';
import type {
  Ending,
  Explanation,
  Failure,
  PastWork,
  ServiceOperations,
  StepOwner,
  Wait,
} from '#kernel/operations/explanation.ts';

/** Held against the resource found: its `project_id` is the resource's, which is nobody's for hosts and flavors. */
export const RESOURCE_RULES: readonly PolicyRule[] = [
  { name: 'operations:explain_resource', check: 'role:admin or project_id:%(project_id)s' },
  { name: 'operations:cancel_resource', check: 'role:admin or (role:member and project_id:%(project_id)s)' },
  { name: 'operations:force_resource', check: 'role:admin or (role:member and project_id:%(project_id)s)' },
  {
    name: 'operations:show_hosts',
    check: 'role:admin',
    description: 'Names of hosts and controllers, and what hosts say.',
  },
];

const Words = Type.Object({ en: Type.String(), zh: Type.String() });
const Time = Type.String({ format: 'date-time' });
const orNull = <T extends ReturnType<typeof Type.String>>(schema: T) => Type.Union([schema, Type.Null()]);
const FailureShape = Type.Union([Type.Object({ code: Type.String(), message: Type.String() }), Type.Null()]);

const WaitShape = Type.Object({
  what: Words,
  since: orNull(Time),
  until: Type.Union([Time, Type.Null()], { description: 'Then it is given up; null when it may wait for ever.' }),
  owner: Type.Object(
    {
      kind: Type.String({
        enum: ['task', 'agent', 'writer', 'controller', 'user'],
        description: 'Who takes the next step; the other fields are there as far as the kind has them.',
      }),
      task: Type.Optional(Type.String({ description: 'Such as `compute.server.build`.' })),
      step: Type.Optional(orNull(Type.String())),
      direction: Type.Optional(Type.String({ enum: ['forward', 'undo'] })),
      controller: Type.Optional(orNull(Type.String({ description: 'Which one has the lease; for administrators.' }))),
      host: Type.Optional(orNull(Type.String({ description: 'For administrators.' }))),
      host_id: Type.Optional(orNull(Type.String())),
      is_up: Type.Optional(Type.Boolean()),
      last_seen_at: Type.Optional(orNull(Time)),
      desired_revision: Type.Optional(Type.Union([Type.Integer(), Type.Null()])),
      reported_revision: Type.Optional(
        Type.Union([Type.Integer(), Type.Null()], {
          description: 'Below the desired one: the host has not seen it yet.',
        }),
      ),
      writer: Type.Optional(Type.String()),
    },
    { additionalProperties: false },
  ),
  next_try_at: orNull(Time),
  attempts: Type.Integer({ description: 'How often the present step has failed.' }),
  last_failure: FailureShape,
});

const ExplanationShape = Type.Object({
  resource: Type.Object({
    type: Type.String({ description: 'Service and noun: `compute.server`.' }),
    id: Type.String(),
    name: orNull(Type.String()),
    project_id: orNull(Type.String()),
    state: Type.String({ description: "In its API's words." }),
    is_final: Type.Boolean({ description: 'Whether it stays so until somebody asks for something.' }),
    waits: Type.Array(WaitShape),
    history: Type.Array(
      Type.Object({
        what: Type.String(),
        started_at: Time,
        ended_at: orNull(Time),
        outcome: Type.String({ enum: ['done', 'failed', 'unfinished'] }),
        step: orNull(Type.String()),
        failure: FailureShape,
        request_id: orNull(Type.String()),
      }),
      { description: 'Newest first.' },
    ),
    next_step: Words,
  }),
});

const EndingShape = Type.Object({
  outcome: Type.String({ enum: ['accepted', 'nothing'], description: '`nothing`: there was nothing to end.' }),
  message: Words,
});

interface Deps {
  readonly parts: readonly ServiceOperations[];
  readonly policy: Policy;
}

export function resourceRoutes(deps: Deps): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/resources/:id',
      name: 'explainResource',
      response: ExplanationShape,
      documents: () => ({ summary: 'Tell why a resource is as it is', policies: ['operations:explain_resource'] }),
      handler: async ({ ctx, params }) => {
        const { found } = await findResource(deps, ctx, params['id'] ?? '');
        return { resource: view(found, deps.policy.allows(ctx, 'operations:show_hosts', targetOf(found))) };
      },
    }),
    endingRoute(deps, 'cancel'),
    endingRoute(deps, 'force'),
  ];
}

function endingRoute(deps: Deps, verb: 'cancel' | 'force'): Route {
  const rule = `operations:${verb}_resource`;
  return route({
    method: 'POST',
    path: `/v1/resources/:id/${verb}`,
    name: verb === 'cancel' ? 'cancelResource' : 'forceResource',
    status: 202,
    response: EndingShape,
    documents: () => ({
      summary: verb === 'cancel' ? 'Turn back what is under way' : 'End what is under way now',
      policies: [rule],
    }),
    handler: async ({ ctx, params }): Promise<Ending> => {
      const id = params['id'] ?? '';
      const { found, part } = await findResource(deps, ctx, id);
      deps.policy.enforce(ctx, rule, targetOf(found));
      const ending = await part[verb]?.(ctx, id);
      return ending ?? { outcome: 'nothing', message: { en: 'nothing is under way', zh: '没有正在进行的操作' } };
    },
  });
}

function targetOf({ projectId }: Explanation): Readonly<Record<string, unknown>> {
  return { project_id: projectId };
}

/** @throws {NotFound} `operations.resource.absent`, also for what the caller may not see. */
async function findResource(
  { parts, policy }: Deps,
  ctx: RequestContext,
  id: string,
): Promise<{ readonly found: Explanation; readonly part: ServiceOperations }> {
  for (const part of parts) {
    const found = await part.explain(id);
    if (found === undefined) continue;
    // a token without a project is not the project of what has none
    const isOwn = found.projectId !== null || policy.allows(ctx, 'operations:list_hosts');
    if (isOwn && policy.allows(ctx, 'operations:explain_resource', targetOf(found))) return { found, part };
    break;
  }
  throw new NotFound('operations.resource.absent', `No resource with the id ${id.slice(0, 255)} could be found.`);
}

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());

function view(found: Explanation, isAdmin: boolean): unknown {
  return {
    type: found.type,
    id: found.id,
    name: found.name,
    project_id: found.projectId,
    state: found.state,
    is_final: found.isFinal,
    waits: found.waits.map((wait) => viewWait(wait, isAdmin)),
    history: found.history
      .filter(({ failure }) => isAdmin || failure?.isInternal !== true)
      .map((past) => viewPast(past, isAdmin)),
    next_step: found.nextStep,
  };
}

function viewWait(wait: Wait, isAdmin: boolean): unknown {
  return {
    what: wait.what,
    since: iso(wait.since),
    until: iso(wait.until),
    owner: viewOwner(wait.owner, isAdmin),
    next_try_at: iso(wait.nextTryAt),
    attempts: wait.attempts,
    last_failure: viewFailure(wait.lastFailure, isAdmin),
  };
}

function viewOwner(owner: StepOwner, isAdmin: boolean): unknown {
  if (owner.kind === 'task') return { ...owner, controller: isAdmin ? owner.controller : null };
  if (owner.kind !== 'agent') return owner;
  return {
    kind: owner.kind,
    host: isAdmin ? owner.host : null,
    host_id: isAdmin ? owner.hostId : null,
    is_up: owner.isUp,
    last_seen_at: iso(owner.lastSeenAt),
    desired_revision: owner.desiredRevision,
    reported_revision: owner.reportedRevision,
  };
}

/** What hosts say of themselves names them: others are told only that there is a problem. */
function viewFailure(failure: Failure | null, isAdmin: boolean): unknown {
  if (failure === null) return null;
  const { code, message, isInternal } = failure;
  return {
    code,
    message: isInternal === true && !isAdmin ? 'The host has a problem; administrators see which.' : message,
  };
}

function viewPast(past: PastWork, isAdmin: boolean): unknown {
  return {
    what: past.what,
    started_at: iso(past.startedAt),
    ended_at: iso(past.endedAt),
    outcome: past.outcome,
    step: past.step,
    failure: viewFailure(past.failure, isAdmin),
    request_id: past.requestId,
  };
}
