/** What no one owns, and clearing it: every service's checks one after the other. */
import { Type } from 'typebox';
import { type Route, route } from '#kernel/api/route.ts';
import type { PolicyRule } from '#kernel/auth/policy.ts';
import type { Clock } from '#kernel/clock.ts';
import type { Db } from '#kernel/db/database.ts';
import type { Orphan, OrphanCheck, ServiceOperations } from '#kernel/operations/explanation.ts';
import type { Tasks } from '#kernel/tasks/task.ts';

export const ORPHAN_RULES: readonly PolicyRule[] = [
  { name: 'operations:list_orphans', check: 'role:admin' },
  { name: 'operations:clear_orphans', check: 'role:admin' },
];

/** Orphans listed by one check; where there are more, clearing these shows the next. */
const MAX_LISTED = 200;
/** Orphans cleared by one request; each is a transaction of its own. */
const MAX_CLEARED = 1_000;
/** A task that is due for so long, and that nobody has taken, is one that no controller knows how to do. */
const OVERLOOKED_MS = 10 * 60_000;

const Words = Type.Object({ en: Type.String(), zh: Type.String() });
const Name = Type.String({ maxLength: 255 });
const Reference = Type.Object({ check: Name, id: Name }, { additionalProperties: false });
const References = Type.Array(Reference, { maxItems: MAX_CLEARED });
const OrphansShape = Type.Object({
  orphans: Type.Array(
    Type.Object({
      check: Type.String({ description: 'Which way of being an orphan: `network.port_without_server`.' }),
      id: Type.String({ description: 'Its name in that check.' }),
      what: Words,
      why: Words,
      since: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
      is_clearable: Type.Boolean({ description: 'False where a person has to decide; `why` tells how.' }),
    }),
  ),
});
const ClearedShape = Type.Object({
  cleared: Type.Array(Reference),
  left: Type.Array(Reference, {
    description: 'Those that were no orphans any more, or that a person has to decide about.',
  }),
});

interface Deps {
  readonly parts: readonly ServiceOperations[];
  readonly tasks: Tasks;
  readonly db: Db;
  readonly clock: Clock;
}

export function orphanRoutes(deps: Deps): Route[] {
  const checks = [...deps.parts.flatMap(({ orphans }) => orphans ?? []), overlookedTasks(deps)];
  return [
    route({
      method: 'GET',
      path: '/v1/orphans',
      name: 'listOrphans',
      policy: 'operations:list_orphans',
      response: OrphansShape,
      handler: async () => ({ orphans: (await listAll(checks)).map(view) }),
    }),
    route({
      method: 'DELETE',
      path: '/v1/orphans',
      name: 'clearOrphans',
      policy: 'operations:clear_orphans',
      body: Type.Object(
        { orphans: References },
        { additionalProperties: false, description: 'Those that were listed, and nothing else, are cleared.' },
      ),
      response: ClearedShape,
      handler: ({ body }) => clearAll(checks, body.orphans),
    }),
  ];
}

interface Listed extends Orphan {
  readonly check: OrphanCheck;
}

async function listAll(checks: readonly OrphanCheck[]): Promise<Listed[]> {
  const found: Listed[] = [];
  for (const check of checks) found.push(...(await check.find(MAX_LISTED)).map((orphan) => ({ ...orphan, check })));
  return found;
}

interface Cleared {
  readonly cleared: { check: string; id: string }[];
  readonly left: { check: string; id: string }[];
}

async function clearAll(
  checks: readonly OrphanCheck[],
  wanted: readonly { readonly check: string; readonly id: string }[],
): Promise<Cleared> {
  const outcome: Cleared = { cleared: [], left: [] };
  for (const { check: name, id } of wanted) {
    const check = checks.find((one) => one.name === name);
    const isCleared = (await check?.clear?.(id)) === true;
    (isCleared ? outcome.cleared : outcome.left).push({ check: name, id });
  }
  return outcome;
}

function view({ check, id, what, why, since }: Listed): unknown {
  return {
    check: check.name,
    id,
    what,
    why,
    since: since === null ? null : new Date(since).toISOString(),
    is_clearable: check.clear !== undefined,
  };
}

/** Expired leases are taken over within seconds; what stays is what this program does not know, as after a downgrade. */
function overlookedTasks({ tasks, db, clock }: Deps): OrphanCheck {
  return {
    name: 'controller.task_nobody_takes',
    async find(limit) {
      const before = clock.now().getTime() - OVERLOOKED_MS;
      const old = await tasks.listOlderThan(db, before, limit);
      return old
        .filter((task) => task.stepName === null && task.leaseOwner === null && task.nextTryAt < before)
        .map((task) => ({
          id: task.id,
          what: { en: `task ${task.name} of ${task.resourceId}`, zh: `${task.resourceId} 的任务 ${task.name}` },
          why: {
            en: 'no controller knows how to do it; the version that began it does',
            zh: '没有控制器知道如何执行；开始它的版本知道',
          },
          since: task.nextTryAt,
        }));
    },
  };
}
