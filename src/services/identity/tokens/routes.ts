import { Reply, type Route, route } from '#kernel/api/route.ts';
import type { RequestContext } from '#kernel/auth/context.ts';
import { readBooleanWord } from '#kernel/words.ts';
import { buildCatalog } from '../catalog/catalog.ts';
import type { IdentityDeps } from '../deps.ts';
import { v3Url } from '../deps.ts';
import { badRequest, forbidden, notFound } from '../errors.ts';
import type { TokenReader } from './authenticator.ts';
import { issueToken } from './issue.ts';
import type { Token } from './model.ts';
import { MoreProofNeeded } from './receipt.ts';
import { revokeToken } from './revoke.ts';
import { type AuthRequest, IssueTokenBody } from './schema.ts';
import { readAuthDomains, readAuthProjects, readAuthSystem } from './scopes.ts';
import { showToken } from './view.ts';

const VARY = { Vary: 'X-Auth-Token' };

export const tokenRoutes = (deps: IdentityDeps, reader: TokenReader): Route[] => [
  route({
    method: 'POST',
    path: '/v3/auth/tokens',
    name: 'issueToken',
    auth: 'none',
    body: IssueTokenBody,
    handler: async (request) => {
      checkNames(request.body.auth);
      try {
        const token = await issueToken(deps, reader, request);
        return new Reply({ status: 201, headers: subject(token.id), body: await show(deps, token, request.query) });
      } catch (error) {
        if (!(error instanceof MoreProofNeeded)) throw error;
        return new Reply({
          status: 401,
          headers: { 'Openstack-Auth-Receipt': error.receipt, ...VARY },
          body: error.body,
        });
      }
    },
  }),
  route({
    method: 'GET',
    path: '/v3/auth/tokens',
    name: 'validateToken',
    documents: () => ({ policies: ['identity:check_token', 'identity:validate_token'] }),
    handler: async ({ ctx, headers, query, raw }) => {
      const graceMs = isTrue(asRecord(query)['allow_expired']) ? deps.config.allowExpiredWindowMs : 0;
      const rule = raw.method === 'HEAD' ? 'identity:check_token' : 'identity:validate_token';
      const token = await subjectToken(deps, reader, { ctx, rule, id: headers['x-subject-token'], graceMs });
      return new Reply({ headers: subject(token.id), body: await show(deps, token, query) });
    },
  }),
  route({
    method: 'DELETE',
    path: '/v3/auth/tokens',
    name: 'revokeToken',
    documents: () => ({ policies: ['identity:revoke_token'] }),
    handler: async ({ ctx, headers }) => {
      const rule = 'identity:revoke_token';
      const token = await subjectToken(deps, reader, { ctx, rule, id: headers['x-subject-token'], graceMs: 0 });
      await revokeToken(deps, token);
      return new Reply({ status: 204, headers: VARY });
    },
  }),
  route({
    method: 'GET',
    path: '/v3/auth/catalog',
    name: 'showAuthCatalog',
    policy: 'identity:get_auth_catalog',
    handler: async (request) => {
      const { userId, projectId } = request.ctx;
      if (projectId === null) throw forbidden('catalog.no_project');
      return {
        catalog: await buildCatalog(deps.db, { userId, projectId }),
        links: { self: `${v3Url(request)}/auth/catalog` },
      };
    },
  }),
  route({
    method: 'GET',
    path: '/v3/auth/projects',
    name: 'listAuthProjects',
    policy: 'identity:get_auth_projects',
    handler: (request) => readAuthProjects(deps, request.ctx, v3Url(request)),
  }),
  route({
    method: 'GET',
    path: '/v3/auth/domains',
    name: 'listAuthDomains',
    policy: 'identity:get_auth_domains',
    handler: (request) => readAuthDomains(deps, request.ctx, v3Url(request)),
  }),
  route({
    method: 'GET',
    path: '/v3/auth/system',
    name: 'showAuthSystem',
    policy: 'identity:get_auth_system',
    handler: (request) => readAuthSystem(deps, request.ctx, v3Url(request)),
  }),
];

/**
 * The token that a caller asks about.
 * @throws {NotFound} for one that is not good; {Forbidden} for another's without the right to look.
 */
async function subjectToken(
  deps: IdentityDeps,
  reader: TokenReader,
  asked: { ctx: RequestContext; rule: string; id: string | string[] | undefined; graceMs: number },
): Promise<Token> {
  const id = String(asked.id ?? '');
  const token = id === '' ? undefined : await reader.read(id, asked.graceMs);
  if (token === undefined) throw notFound('token', id.slice(0, 255));
  deps.policy.enforce(asked.ctx, asked.rule, { target: { token: { user_id: token.user.id } } });
  return token;
}

async function show(deps: IdentityDeps, token: Token, query: unknown): Promise<Record<string, unknown>> {
  if ('nocatalog' in asRecord(query)) return showToken(token, undefined);
  const catalog = await buildCatalog(deps.db, {
    userId: token.trust?.trustor_user_id ?? token.user.id,
    projectId: token.project?.id ?? null,
  });
  return showToken(token, catalog);
}

/** Where something is named, it is by id or by name. */
function checkNames({ identity, scope }: AuthRequest): void {
  const user = identity.password?.user;
  const named: [string, { id?: string; name?: string } | undefined][] = [
    ['identity/password/user', user],
    ['identity/password/user/domain', user?.domain],
  ];
  if (typeof scope === 'object') {
    named.push(
      ['scope/project', scope.project],
      ['scope/project/domain', scope.project?.domain],
      ['scope/domain', scope.domain],
    );
  }
  for (const [path, thing] of named) {
    if (thing !== undefined && thing.id === undefined && thing.name === undefined)
      throw badRequest('input.invalid', `Invalid input for field ${path}: id or name must be present.`);
  }
}

function subject(id: string): Record<string, string> {
  return { 'X-Subject-Token': id, ...VARY };
}

function asRecord(query: unknown): Record<string, unknown> {
  return typeof query === 'object' && query !== null ? (query as Record<string, unknown>) : {};
}

function isTrue(value: unknown): boolean {
  return readBooleanWord(String(value)) === true;
}
