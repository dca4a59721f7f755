import type { RequestContext } from '#kernel/auth/context.ts';
import { domainsOf, isOnSystem, projectsOf } from '../assignments/effective.ts';
import type { Actors } from '../assignments/store.ts';
import type { IdentityDeps } from '../deps.ts';
import { listGroupIdsOfUser } from '../groups/store.ts';
import { showDomains, showProjects } from '../projects/list.ts';
import { collection, type V3Url } from '../views.ts';
import type { TokenDetails } from './authenticator.ts';

/** Projects that the caller can have a token for. @see https://docs.openstack.org/api-ref/identity/v3/#get-available-project-scopes */
export async function readAuthProjects(
  deps: IdentityDeps,
  ctx: RequestContext,
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  const rows = await projectsOf(deps.db, await actorsOf(deps, ctx));
  return collection(v3Url, 'auth/projects', 'projects', await showProjects(deps, rows, v3Url));
}

/** Domains that the caller can have a token for. */
export async function readAuthDomains(
  deps: IdentityDeps,
  ctx: RequestContext,
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  const rows = await domainsOf(deps.db, await actorsOf(deps, ctx));
  return collection(v3Url, 'auth/domains', 'domains', await showDomains(deps, rows, v3Url));
}

/** Whether the caller can have a token for the system. */
export async function readAuthSystem(
  deps: IdentityDeps,
  ctx: RequestContext,
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  const has = await isOnSystem(deps.db, await actorsOf(deps, ctx));
  return { system: has ? [{ all: true }] : [], links: { self: `${v3Url}/auth/system` } };
}

async function actorsOf(deps: IdentityDeps, ctx: RequestContext): Promise<Actors> {
  const federated = (ctx.details as TokenDetails).token.claims.federation?.groupIds ?? [];
  return { userId: ctx.userId, groupIds: [...(await listGroupIdsOfUser(deps.db, ctx.userId)), ...federated] };
}
