import { type ApiRequest, type Route, route } from '#kernel/api/route.ts';
import { type IdentityDeps, v3Url } from '../deps.ts';
import { listTarget } from '../domain-of.ts';
import { projectTarget } from '../projects/logic.ts';
import { cut, isFlagSet, readQuery } from '../query.ts';
import { showRole } from '../roles/view.ts';
import { collection } from '../views.ts';
import { checkGrant, createGrant, type Grant, grantRule, listGrants, revokeGrant } from './grants.ts';
import { type Assignment, findAssignments, readAssignmentFilter } from './list.ts';
import { isInDomain, readNamesOf } from './names.ts';
import { showAssignment } from './view.ts';

type Target = Grant['target_kind'];
type Actor = Grant['actor_kind'];

export const assignmentRoutes = (deps: IdentityDeps): Route[] => [
  route({
    method: 'GET',
    path: '/v3/role_assignments',
    name: 'listRoleAssignments',
    handler: (request) => listAll(deps, request),
  }),
  ...grantRoutes(deps, 'project', 'user', false),
  ...grantRoutes(deps, 'project', 'group', false),
  ...grantRoutes(deps, 'domain', 'user', false),
  ...grantRoutes(deps, 'domain', 'group', false),
  ...grantRoutes(deps, 'project', 'user', true),
  ...grantRoutes(deps, 'project', 'group', true),
  ...grantRoutes(deps, 'domain', 'user', true),
  ...grantRoutes(deps, 'domain', 'group', true),
  ...grantRoutes(deps, 'system', 'user', false),
  ...grantRoutes(deps, 'system', 'group', false),
];

/** The four operations on the roles of one kind of actor on one kind of target. */
function grantRoutes(deps: IdentityDeps, target: Target, actor: Actor, isInherited: boolean): Route[] {
  const base = `${isInherited ? '/v3/OS-INHERIT' : '/v3'}${target === 'system' ? '/system' : `/${target}s/:targetId`}`;
  const tail = isInherited ? '/inherited_to_projects' : '';
  const list = `${base}/${actor}s/:actorId/roles${tail}`;
  const one = `${base}/${actor}s/:actorId/roles/:roleId${tail}`;
  const what = `${isInherited ? 'Inherited' : ''}${target}-${actor}-role`;
  const grantOf = ({ params }: Pick<ApiRequest, 'params'>): Grant => ({
    actor_kind: actor,
    actor_id: params['actorId'] ?? '',
    target_kind: target,
    target_id: target === 'system' ? 'system' : (params['targetId'] ?? ''),
    inherited: isInherited ? 1 : 0,
    ...(params['roleId'] === undefined ? {} : { role_id: params['roleId'] }),
  });
  const held = (action: Parameters<typeof grantRule>[0]) => () => ({
    policies: [grantRule(action, { target_kind: target, actor_kind: actor })],
  });
  return [
    route({
      method: 'GET',
      path: list,
      name: `list-${what}s`,
      documents: held('list'),
      handler: async (request) => {
        const roles = await listGrants(deps, request.ctx, grantOf(request));
        const url = v3Url(request);
        const path = request.url.replace(/^\/v3\//, '');
        return collection(
          url,
          path,
          'roles',
          roles.map((role) => showRole(role, url)),
        );
      },
    }),
    route({
      method: ['GET', 'HEAD'],
      path: one,
      name: `check-${what}`,
      documents: held('check'),
      status: 204,
      handler: (request) => checkGrant(deps, request.ctx, grantOf(request)),
    }),
    route({
      method: 'PUT',
      path: one,
      name: `create-${what}`,
      documents: held('create'),
      status: 204,
      handler: (request) => createGrant(deps, request.ctx, grantOf(request)),
    }),
    route({
      method: 'DELETE',
      path: one,
      name: `revoke-${what}`,
      documents: held('revoke'),
      status: 204,
      handler: (request) => revokeGrant(deps, request.ctx, grantOf(request)),
    }),
  ];
}

async function listAll(deps: IdentityDeps, request: ApiRequest): Promise<Record<string, unknown>> {
  const { ctx } = request;
  const query = readQuery(request.query);
  if (isFlagSet(query, 'include_subtree')) {
    const target = await projectTarget(deps, query['scope.project.id'] ?? '');
    deps.policy.enforce(ctx, 'identity:list_role_assignments_for_tree', target);
  } else {
    deps.policy.enforce(ctx, 'identity:list_role_assignments', listTarget(ctx));
  }
  const found = await findAssignments(deps, readAssignmentFilter(query));
  const visible = ctx.domainId === null ? found : await onlyOf(deps, found, ctx.domainId);
  const { rows, isTruncated } = cut(visible, deps.config.listLimit);
  const names = await readNamesOf(deps, rows, isFlagSet(query, 'include_names'));
  const shown = rows.map((row) => showAssignment(row, names, v3Url(request)));
  return collection(v3Url(request), 'role_assignments', 'role_assignments', shown, isTruncated);
}

async function onlyOf(deps: IdentityDeps, all: readonly Assignment[], domainId: string): Promise<Assignment[]> {
  const checks = await Promise.all(all.map((one) => isInDomain(deps, one, domainId)));
  return all.filter((_, i) => checks[i]);
}
