import type { Db } from '#kernel/db/database.ts';
import type { IdentityDeps } from '../deps.ts';
import { findGroup } from '../groups/store.ts';
import { findProject } from '../projects/store.ts';
import { findRole } from '../roles/store.ts';
import type { IdentityTables } from '../tables.ts';
import { findUser } from '../users/store.ts';
import type { Assignment } from './list.ts';
import type { Named, Names } from './view.ts';

/** Ids alone. */
export const idsOnly: Names = {
  user: (id) => ({ id }),
  group: (id) => ({ id }),
  role: (id) => ({ id }),
  project: (id) => ({ id }),
  domain: (id) => ({ id }),
};

type Owned = { readonly id: string; readonly name: string | null; readonly domain_id: string };

/** Looks up the names of all that a list names, each once. */
export async function readNames(db: Db<IdentityTables>, all: readonly Assignment[]): Promise<Names> {
  const of = (kind: 'user' | 'group') => all.filter((one) => one.actorKind === kind).map((one) => one.actorId);
  const on = (kind: 'project' | 'domain') => all.filter((one) => one.targetKind === kind).map((one) => one.targetId);
  const users = await readAll(of('user'), (id) => findUser(db, id));
  const groups = await readAll(of('group'), (id) => findGroup(db, id));
  const projects = await readAll(on('project'), (id) => findProject(db, id));
  const roles = await readAll(
    all.map((one) => one.roleId),
    (id) => findRole(db, id),
  );
  const owners = [users, groups, projects, roles].flatMap((map) => [...map.values()].map((row) => row.domain_id));
  const domains = await readAll([...owners, ...on('domain')], (id) => findProject(db, id));
  const domain = (id: string): Named => ({ id, name: domains.get(id)?.name ?? '' });
  const owned =
    (rows: ReadonlyMap<string, Owned>) =>
    (id: string): Named => {
      const row = rows.get(id);
      const named = { id, name: row?.name ?? '' };
      return row === undefined || row.domain_id === '' ? named : { ...named, domain: domain(row.domain_id) };
    };
  return { user: owned(users), group: owned(groups), project: owned(projects), role: owned(roles), domain };
}

async function readAll<T>(
  ids: readonly string[],
  read: (id: string) => Promise<T | undefined>,
): Promise<Map<string, T>> {
  const found = new Map<string, T>();
  for (const id of new Set(ids)) {
    const row = id === '' ? undefined : await read(id);
    if (row !== undefined) found.set(id, row);
  }
  return found;
}

/** Names where they are wanted, else ids alone. */
export async function readNamesOf(deps: IdentityDeps, all: readonly Assignment[], isWanted: boolean): Promise<Names> {
  return isWanted ? readNames(deps.db, all) : idsOnly;
}

/** Whether an assignment is on a domain or on a project in it. */
export async function isInDomain(deps: IdentityDeps, one: Assignment, domainId: string): Promise<boolean> {
  if (one.targetKind === 'system') return false;
  if (one.targetId === domainId) return true;
  return (await findProject(deps.db, one.targetId))?.domain_id === domainId;
}
