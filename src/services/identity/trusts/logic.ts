import type { RequestContext } from '#kernel/auth/context.ts';
import { toBit } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { newHexId } from '#kernel/ids.ts';
import { givenRoleIds } from '../assignments/effective.ts';
import { checkUnrestricted, isDelegated } from '../delegation.ts';
import { type IdentityDeps, nowMs } from '../deps.ts';
import { badRequest, forbidden, forbiddenAction, notFound } from '../errors.ts';
import { readExpiry } from '../expiry.ts';
import { listGroupIdsOfUser } from '../groups/store.ts';
import { getProject } from '../projects/store.ts';
import { cut } from '../query.ts';
import { revokeTokens } from '../revocations/revoke.ts';
import { namedRoles } from '../roles/named.ts';
import { listRoles } from '../roles/store.ts';
import type { RoleRow } from '../roles/tables.ts';
import { preciseTimeMs } from '../time.ts';
import { getUser } from '../users/store.ts';
import { collection, type V3Url } from '../views.ts';
import type { NewTrust } from './schema.ts';
import { deleteTrust, findTrust, insertTrust, listPedigree, listTrustRoleIds, listTrusts } from './store.ts';
import type { TrustRow } from './tables.ts';
import { showTrust } from './view.ts';

/** Whether a trust can still be used to get a token. */
export function isUsable(row: TrustRow, now: number): boolean {
  const isOver = row.expires_at !== null && preciseTimeMs(row.expires_at) <= now;
  return !isOver && (row.remaining_uses === null || row.remaining_uses > 0);
}

/** @throws {NotFound} `identity.trust.not_found`, also when it has expired or is used up. */
export async function getTrust(deps: IdentityDeps, id: string): Promise<TrustRow> {
  const row = await findTrust(deps.db, id);
  if (row === undefined || !isUsable(row, nowMs(deps))) throw notFound('trust', id);
  return row;
}

/** The target of rules about one trust. @throws {NotFound} `identity.trust.not_found`. */
export function trustTarget(row: TrustRow): Record<string, unknown> {
  return { target: { trust: { trustor_user_id: row.trustor_user_id, trustee_user_id: row.trustee_user_id } } };
}

export async function readTrustRoles(deps: IdentityDeps, row: TrustRow): Promise<RoleRow[]> {
  const ids = await listTrustRoleIds(deps.db, row.id);
  return listRoles(deps.db, { filters: [], ids, limit: deps.config.listLimit });
}

export async function readTrusts(
  deps: IdentityDeps,
  query: { trustorId?: string | undefined; trusteeId?: string | undefined },
  v3Url: V3Url,
): Promise<Record<string, unknown>> {
  const limit = deps.config.listLimit;
  const { rows, isTruncated } = cut(await listTrusts(deps.db, { ...query, limit }), limit);
  const now = nowMs(deps);
  const shown = rows.filter((row) => isUsable(row, now)).map((row) => showTrust(row, v3Url));
  return collection(v3Url, 'OS-TRUST/trusts', 'trusts', shown, isTruncated);
}

/**
 * @throws {Forbidden} for another's name, without roles, or beyond what the trust passed on allows;
 *   {NotFound} for a trustee, project or role that is not there or that the trustor has not.
 * @see https://docs.openstack.org/api-ref/identity/v3-ext/#create-trust
 */
export async function createTrust(
  deps: IdentityDeps,
  ctx: RequestContext,
  given: NewTrust,
): Promise<{ readonly row: TrustRow; readonly roles: readonly RoleRow[] }> {
  checkUnrestricted(ctx, 'managing trusts');
  const roleRefs = given.roles ?? [];
  if (given.project_id && roleRefs.length === 0) throw forbiddenAction('At least one role should be specified');
  if (ctx.userId !== given.trustor_user_id) throw forbiddenAction('The authenticated user should match the trustor');
  const source = await sourceTrust(deps, ctx);
  await getUser(deps.db, given.trustee_user_id);
  const roles = await namedRoles(deps.db, roleRefs);
  const row: TrustRow = {
    id: newHexId(),
    trustor_user_id: given.trustor_user_id,
    trustee_user_id: given.trustee_user_id,
    project_id: given.project_id ?? null,
    impersonation: toBit(given.impersonation),
    expires_at: readExpiry(given.expires_at, nowMs(deps)) ?? source?.expires_at ?? null,
    remaining_uses: given.remaining_uses ?? null,
    redelegated_trust_id: source?.id ?? null,
    redelegation_count: depthOf(deps, given, source),
  };
  await checkTrustorHas(deps, row, source, roles);
  if (source !== undefined) await checkRedelegation(deps, row, source, roles);
  await inTransaction(deps.db, (tx) =>
    insertTrust(
      tx,
      row,
      roles.map(({ id }) => id),
    ),
  );
  return { row, roles };
}

/** What was passed on of it, and all tokens had by it, end with it. */
export async function removeTrust(deps: IdentityDeps, ctx: RequestContext, row: TrustRow): Promise<void> {
  checkUnrestricted(ctx, 'managing trusts');
  await inTransaction(deps.db, async (tx) => {
    await deleteTrust(tx, row.id);
    await revokeTokens(deps, tx, { trust_id: row.id });
  });
}

async function sourceTrust(deps: IdentityDeps, ctx: RequestContext): Promise<TrustRow | undefined> {
  if (!isDelegated(ctx)) return undefined;
  if (ctx.applicationCredentialId !== null) return undefined;
  if (ctx.trustId === null) throw forbiddenAction('Redelegation allowed for delegated by trust only');
  return getTrust(deps, ctx.trustId);
}

function depthOf(deps: IdentityDeps, given: NewTrust, source: TrustRow | undefined): number {
  const max = deps.config.maxRedelegationCount;
  const asked = given.redelegation_count ?? undefined;
  if (given.allow_redelegation !== true || asked === 0) return 0;
  if (asked !== undefined && asked > max) throw forbidden('trust.depth');
  if (given.remaining_uses !== undefined && given.remaining_uses !== null)
    throw badRequest('trust.uses', 'remaining_uses must not be set if redelegation is allowed');
  if (source === undefined) return asked ?? max;
  const remaining = source.redelegation_count - 1;
  if (asked !== undefined && asked !== remaining) throw forbidden('trust.depth');
  return remaining;
}

/** Roles of a domain may be passed on too, so what was given counts as it was given. */
async function checkTrustorHas(
  deps: IdentityDeps,
  row: TrustRow,
  source: TrustRow | undefined,
  roles: readonly RoleRow[],
): Promise<void> {
  if (row.project_id === null) {
    if (roles.length > 0) throw notFound('role', roles[0]?.id ?? '');
    return;
  }
  const project = await getProject(deps.db, row.project_id);
  const chain = source === undefined ? [] : await listPedigree(deps.db, source);
  const trustorId = chain.at(-1)?.trustor_user_id ?? row.trustor_user_id;
  const actors = { userId: trustorId, groupIds: await listGroupIdsOfUser(deps.db, trustorId) };
  const held = new Set(await givenRoleIds(deps.db, actors, { kind: 'project', project }));
  const lacking = roles.find((role) => !held.has(role.id));
  if (lacking !== undefined) throw notFound('role', lacking.id);
}

/** Nothing may be passed on that the whole line of trusts does not give. */
async function checkRedelegation(
  deps: IdentityDeps,
  row: TrustRow,
  source: TrustRow,
  roles: readonly RoleRow[],
): Promise<void> {
  for (const parent of await listPedigree(deps.db, source)) {
    const isTooDeep = parent.redelegation_count <= 0 || parent.redelegation_count > deps.config.maxRedelegationCount;
    const isTooLate = parent.expires_at !== null && (row.expires_at === null || row.expires_at > parent.expires_at);
    const given = new Set(await listTrustRoleIds(deps.db, parent.id));
    const isTooMuch = roles.some((role) => !given.has(role.id)) || row.project_id !== parent.project_id;
    const isOther = row.impersonation === 1 && parent.impersonation === 0;
    if (isTooDeep || isTooLate || isTooMuch || isOther || row.remaining_uses !== null)
      throw forbidden('trust.redelegation');
  }
}
