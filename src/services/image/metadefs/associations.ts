import type { RequestContext } from '#kernel/auth/context.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { NotFound } from '#kernel/errors.ts';
import { enforceMetadef, getNamespace, type MetadefDeps, requireUnprotected } from './access.ts';
import { readBody } from './bodies.ts';
import { addAssociation } from './namespaces.ts';
import {
  deleteAssociation,
  listAssociations as listAssociationRows,
  listResourceTypes as listResourceTypeRows,
} from './store.ts';
import type { AssociationRow, ResourceTypeRow } from './tables.ts';

/** The types of resources that namespaces are for. */
export async function listResourceTypes(deps: MetadefDeps, ctx: RequestContext): Promise<ResourceTypeRow[]> {
  enforceMetadef(deps, ctx, 'list_metadef_resource_types');
  return listResourceTypeRows(deps.db);
}

/** For which types of resources a namespace is. @throws {NotFound} `image.metadef.not_found`. */
export async function listAssociations(
  deps: MetadefDeps,
  ctx: RequestContext,
  namespace: string,
): Promise<AssociationRow[]> {
  const row = await getNamespace(deps, ctx, namespace);
  enforceMetadef(deps, ctx, 'list_metadef_resource_types', row);
  return listAssociationRows(deps.db, [row.id]);
}

/** @throws {BadRequest} `image.metadef.body`; {Conflict} `image.metadef.taken`; {NotFound}; {Forbidden} by policy. */
export async function createAssociation(
  deps: MetadefDeps,
  ctx: RequestContext,
  namespace: string,
  given: unknown,
): Promise<AssociationRow> {
  const body = readBody('resource_type_association', given);
  return inTransaction(deps.db, async (tx) => {
    const row = await getNamespace({ ...deps, db: tx }, ctx, namespace);
    enforceMetadef(deps, ctx, 'add_metadef_resource_type_association', row);
    await addAssociation({ db: tx }, row, body, deps.clock.now().getTime());
    const made = (await listAssociationRows(tx, [row.id])).find(({ resource_type }) => resource_type === body['name']);
    if (made === undefined) throw new Error('an association that was just made is not there');
    return made;
  });
}

/** @throws {NotFound} `image.metadef.not_found`; {Forbidden} `image.metadef.protected` or by policy. */
export async function removeAssociation(
  deps: MetadefDeps,
  ctx: RequestContext,
  namespace: string,
  resourceType: string,
): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const row = await getNamespace({ ...deps, db: tx }, ctx, namespace);
    enforceMetadef(deps, ctx, 'remove_metadef_resource_type_association', row);
    const notFound = new NotFound('image.metadef.not_found', `Failed to find resource type ${resourceType} to delete`);
    const isThere = (await listAssociationRows(tx, [row.id])).some(
      ({ resource_type }) => resource_type === resourceType,
    );
    if (!isThere) throw notFound;
    requireUnprotected(row, `resource-type-association ${resourceType}`);
    if (!(await deleteAssociation(tx, row.id, resourceType))) throw notFound;
  });
}
