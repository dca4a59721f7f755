import type { IdentityDeps } from '../../deps.ts';
import { missing, unauthorized } from '../../errors.ts';
import { findDomain, findProjectByName } from '../../projects/store.ts';
import type { ProjectRow } from '../../projects/tables.ts';
import { findUser, findUserByName } from '../../users/store.ts';
import type { UserRow } from '../../users/tables.ts';
import type { AuthDomain, AuthUser } from '../schema.ts';

/**
 * The user that a request names, or undefined when there is none, or it or its domain is disabled: the caller goes on as
 * with a wrong password, so that nobody learns who exists.
 * @throws {BadRequest} when neither id nor name, or no domain with a name, is given.
 */
export async function findNamedUser(deps: IdentityDeps, named: AuthUser): Promise<UserRow | undefined> {
  const user = await lookUp(deps, named);
  if (user === undefined || user.enabled === 0) return undefined;
  const domain = await findDomain(deps.db, user.domain_id);
  return domain?.enabled === 1 ? user : undefined;
}

async function lookUp(deps: IdentityDeps, named: AuthUser): Promise<UserRow | undefined> {
  if (named.name === undefined || named.name === '') {
    if (named.id === undefined || named.id === '') throw missing('id or name', 'user');
    return findUser(deps.db, named.id);
  }
  if (named.domain === undefined) throw missing('domain', 'user');
  const domain = await findNamedDomain(deps, named.domain);
  return domain === undefined ? undefined : findUserByName(deps.db, domain.id, named.name);
}

/**
 * @throws {BadRequest} when neither id nor name is given.
 */
export async function findNamedDomain(deps: IdentityDeps, named: AuthDomain): Promise<ProjectRow | undefined> {
  if (named.name !== undefined && named.name !== '') return findProjectByName(deps.db, '', named.name);
  if (named.id === undefined || named.id === '') throw missing('id or name', 'domain');
  return findDomain(deps.db, named.id);
}

/** @throws {Unauthorized} when there is no such domain, or it is disabled. */
export async function getNamedDomain(deps: IdentityDeps, named: AuthDomain): Promise<ProjectRow> {
  const domain = await findNamedDomain(deps, named);
  if (domain === undefined || domain.enabled === 0) throw unauthorized('domain');
  return domain;
}
