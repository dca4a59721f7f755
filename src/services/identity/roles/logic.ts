import type { RequestContext } from '#kernel/auth/context.ts';
import { toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { Forbidden, NotFound } from '#kernel/errors.ts';
import { newHexId } from '#kernel/ids.ts';
import type { IdentityDeps } from '../deps.ts';
import { badRequest, conflict } from '../errors.ts';
import { checkMutable, extraOf, mergeExtra, mergeOptions } from '../extra.ts';
import { getDomain } from '../projects/store.ts';
import { cut, limitOf, type Query } from '../query.ts';
import { readFilters } from '../store/filters.ts';
import { collection, type V3Url } from '../views.ts';
import type { NewRole, RoleChange } from './schema.ts';
import {
  deleteImplication,
  deleteRole,
  findRole,
  getRole,
  type Implication,
  insertImplication,
  insertRole,
  listImplications,
  listRoles,
  updateRole,
} from './store.ts';
import type { RoleRow } from './tables.ts';
import { showRole, showRuleRole } from './view.ts';

const COLUMNS = ['name', 'description', 'domain_id', 'options'];

/** Roles that no other may imply: an inference rule must not make administrators. */
const PROHIBITED_IMPLIED = 'admin';

/**
 * Holds a request about one role against the rule for roles of its kind.
 * @throws {Forbidden} before it is told whether the role exists.
 */
export async function enforceOnRole(
  deps: IdentityDeps,
  ctx: RequestContext,
  action: 'get' | 'update' | 'delete',
  id: string,
): Promise<void> {
  const row = await findRole(deps.db, id);
  const isOfDomain = row !== undefined && row.domain_id !== '';
  deps.policy.enforce(ctx, isOfDomain ? `identity:${action}_domain_role` : `identity:${action}_role`);
}

/** @throws {NotFound} `identity.role.not_found`. */
export function readRole(deps: IdentityDeps, id: string): Promise<RoleRow> {
  return getRole(deps.db, id);
}

/** Roles of one domain, or of the whole cloud. */
export async function readRoles(deps: IdentityDeps, query: Query, v3Url: V3Url): Promise<Record<string, unknown>> {
  const limit = limitOf(query, deps.config.listLimit);
  const filters = readFilters(query, ['name']);
  const found = await listRoles(deps.db, { filters, domainId: query['domain_id'] ?? '', limit });
  const { rows, isTruncated } = cut(found, limit);
  const shown = rows.map((row) => showRole(row, v3Url));
  return collection(v3Url, 'roles', 'roles', shown, isTruncated);
}

/** @throws {NotFound} when the domain is not there; {Conflict} when the name is taken. */
export async function createRole(deps: IdentityDeps, given: NewRole): Promise<RoleRow> {
  const row: RoleRow = {
    id: newHexId(),
    domain_id: given.domain_id ?? '',
    name: given.name.trim(),
    description: given.description ?? null,
    options: mergeOptions('{}', given.options),
    extra: toJson(extraOf(given, COLUMNS)),
  };
  await inTransaction(deps.db, async (tx) => {
    if (row.domain_id !== '') await getDomain(tx, row.domain_id);
    await insertRole(tx, row);
  });
  return row;
}

/** @throws {Forbidden} for an immutable role; {BadRequest} for another domain; {Conflict} when the name is taken. */
export async function changeRole(deps: IdentityDeps, id: string, given: RoleChange): Promise<RoleRow> {
  return inTransaction(deps.db, async (tx) => {
    const row = await getRole(tx, id);
    checkMutable('role', row, given);
    if (given.domain_id !== undefined && (given.domain_id ?? '') !== row.domain_id)
      throw badRequest('role.domain', 'Update of `domain_id` is not allowed.');
    const changed: RoleRow = {
      ...row,
      ...(given.name === undefined ? {} : { name: given.name.trim() }),
      ...(given.description === undefined ? {} : { description: given.description }),
      options: mergeOptions(row.options, given.options),
      extra: mergeExtra(row.extra, extraOf(given, COLUMNS)),
    };
    await updateRole(tx, id, changed);
    await deps.forgetTokens(tx);
    return changed;
  });
}

/** What it was assigned for and what implied it goes with it. @throws {Forbidden} for an immutable role. */
export async function removeRole(deps: IdentityDeps, id: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    checkMutable('role', await getRole(tx, id));
    await deleteRole(tx, id);
    await deps.forgetTokens(tx);
  });
}

/** @throws {Forbidden} for a role that none may imply; {Conflict} when the rule is there. */
export async function addImplication(deps: IdentityDeps, rule: Implication): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const prior = await getRole(tx, rule.prior_role_id);
    const implied = await getRole(tx, rule.implied_role_id);
    const isOfDomain = prior.domain_id === '' && implied.domain_id !== '';
    if (implied.name === PROHIBITED_IMPLIED || isOfDomain)
      throw new Forbidden('identity.role.not_impliable', `${implied.id} cannot be an implied roles.`);
    const isNew = await insertImplication(tx, rule);
    if (!isNew) throw conflict('implied_role', 'Duplicate entry');
    await deps.forgetTokens(tx);
  });
}

/** @throws {NotFound} `identity.role.not_implied`. */
export async function removeImplication(deps: IdentityDeps, rule: Implication): Promise<void> {
  await readRule(deps, rule);
  await inTransaction(deps.db, async (tx) => {
    await deleteImplication(tx, rule);
    await deps.forgetTokens(tx);
  });
}

/** One rule's two roles. @throws {NotFound} when a role or the rule is not there. */
export async function readRule(
  deps: IdentityDeps,
  rule: Implication,
): Promise<{ readonly prior: RoleRow; readonly implied: RoleRow }> {
  const prior = await getRole(deps.db, rule.prior_role_id);
  const implied = await getRole(deps.db, rule.implied_role_id);
  const rules = await listImplications(deps.db);
  if (!rules.some((r) => r.prior_role_id === prior.id && r.implied_role_id === implied.id))
    throw new NotFound('identity.role.not_implied', `${prior.id} does not imply ${implied.id}.`);
  return { prior, implied };
}

/** A role and those that it implies by a rule of its own. @throws {NotFound} `identity.role.not_found`. */
export async function readRulesOf(deps: IdentityDeps, id: string): Promise<{ prior: RoleRow; implied: RoleRow[] }> {
  const prior = await getRole(deps.db, id);
  const ids = (await listImplications(deps.db)).filter((r) => r.prior_role_id === id).map((r) => r.implied_role_id);
  const implied = await listRoles(deps.db, { filters: [], ids, limit: deps.config.listLimit });
  return { prior, implied };
}

/** All rules, by their prior role. */
export async function readInferences(deps: IdentityDeps, v3Url: V3Url): Promise<Record<string, unknown>> {
  const roles = await listRoles(deps.db, { filters: [], limit: deps.config.listLimit });
  const byId = new Map(roles.map((role) => [role.id, showRuleRole(role, v3Url)]));
  const rules = Map.groupBy(await listImplications(deps.db), (rule) => rule.prior_role_id);
  const inferences = [...rules].map(([priorId, list]) => ({
    prior_role: byId.get(priorId),
    implies: list.map((rule) => byId.get(rule.implied_role_id)),
  }));
  return { role_inferences: inferences, links: { self: `${v3Url}/role_inferences` } };
}
