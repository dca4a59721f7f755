import { fromJson, toJson } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { NotFound } from '#kernel/errors.ts';
import { newHexId } from '#kernel/ids.ts';
import { findRegion, getEndpoint, getRegion, getService, listEndpoints, listRegions } from '../catalog/store.ts';
import type { EndpointRow } from '../catalog/tables.ts';
import type { IdentityDeps } from '../deps.ts';
import { checkUnmoved, extraOf, mergeExtra } from '../extra.ts';
import { cut, limitOf, type Query } from '../query.ts';
import { readFilters } from '../store/filters.ts';
import { collection, selfLink, type V3Url } from '../views.ts';
import type { NewPolicy, PolicyChange } from './schema.ts';
import {
  type Attachment,
  deleteAssociation,
  deletePolicy,
  findAssociation,
  getPolicy,
  insertPolicy,
  listAssociations,
  listPolicies,
  replaceAssociation,
  updatePolicy,
} from './store.ts';
import type { PolicyRow } from './tables.ts';

const COLUMNS = ['blob', 'type'];
/** A line of parent regions that is longer is a circle. */
const MAX_REGION_DEPTH = 64;

export function showPolicy(row: PolicyRow, v3Url: V3Url): Record<string, unknown> {
  return {
    ...fromJson(row.extra),
    id: row.id,
    type: row.type,
    blob: row.blob,
    links: selfLink(v3Url, 'policies', row.id),
  };
}

export async function readPolicies(deps: IdentityDeps, query: Query, v3Url: V3Url): Promise<Record<string, unknown>> {
  const limit = limitOf(query, deps.config.listLimit);
  const { rows, isTruncated } = cut(await listPolicies(deps.db, readFilters(query, ['type']), limit), limit);
  const shown = rows.map((row) => showPolicy(row, v3Url));
  return collection(v3Url, 'policies', 'policies', shown, isTruncated);
}

/** @throws {NotFound} `identity.policy.not_found`. */
export function readPolicy(deps: IdentityDeps, id: string): Promise<PolicyRow> {
  return getPolicy(deps.db, id);
}

export async function createPolicyDocument(deps: IdentityDeps, given: NewPolicy): Promise<PolicyRow> {
  const row = { id: newHexId(), type: given.type, blob: given.blob, extra: toJson(extraOf(given, COLUMNS)) };
  await insertPolicy(deps.db, row);
  return row;
}

/** @throws {NotFound} `identity.policy.not_found`. */
export async function changePolicy(deps: IdentityDeps, id: string, given: PolicyChange): Promise<PolicyRow> {
  return inTransaction(deps.db, async (tx) => {
    const row = await getPolicy(tx, id);
    checkUnmoved('policy', { id }, given);
    const changed: PolicyRow = {
      ...row,
      ...(given.type === undefined ? {} : { type: given.type }),
      ...(given.blob === undefined ? {} : { blob: given.blob }),
      extra: mergeExtra(row.extra, extraOf(given, COLUMNS)),
    };
    await updatePolicy(tx, id, changed);
    return changed;
  });
}

/** @throws {NotFound} `identity.policy.not_found`. */
export async function removePolicy(deps: IdentityDeps, id: string): Promise<void> {
  await getPolicy(deps.db, id);
  await deletePolicy(deps.db, id);
}

/** @throws {NotFound} when the policy or what it is to be attached to is not there. */
export async function attachPolicy(deps: IdentityDeps, policyId: string, at: Attachment): Promise<void> {
  await checkParts(deps, policyId, at);
  await inTransaction(deps.db, (tx) => replaceAssociation(tx, { policy_id: policyId, ...at }));
}

/** @throws {NotFound} `identity.policy_association.not_found`. */
export async function checkAttached(deps: IdentityDeps, policyId: string, at: Attachment): Promise<void> {
  await checkParts(deps, policyId, at);
  if ((await findAssociation(deps.db, at))?.policy_id !== policyId)
    throw new NotFound('identity.policy_association.not_found', 'Could not find policy association.');
}

/** @throws {NotFound} when the policy or what it is attached to is not there; one that is not attached is no matter. */
export async function detachPolicy(deps: IdentityDeps, policyId: string, at: Attachment): Promise<void> {
  await checkParts(deps, policyId, at);
  if ((await findAssociation(deps.db, at))?.policy_id === policyId) await deleteAssociation(deps.db, at);
}

/** Endpoints that a policy reaches, directly, through their service, or through their service in a region or above. */
export async function endpointsOf(deps: IdentityDeps, policyId: string): Promise<EndpointRow[]> {
  await getPolicy(deps.db, policyId);
  const endpoints = await listEndpoints(deps.db, [], deps.config.listLimit);
  const regions = await listRegions(deps.db, [], deps.config.listLimit);
  const below = (id: string): Set<string> => {
    const found = new Set([id]);
    for (const parent of found)
      for (const region of regions) if (region.parent_region_id === parent) found.add(region.id);
    return found;
  };
  const matching = (await listAssociations(deps.db, policyId)).flatMap((at) => {
    if (at.endpoint_id !== '') return endpoints.filter((endpoint) => endpoint.id === at.endpoint_id);
    const inRegions = at.region_id === '' ? undefined : below(at.region_id);
    return endpoints.filter(
      (endpoint) =>
        endpoint.service_id === at.service_id && (inRegions === undefined || inRegions.has(endpoint.region_id ?? '')),
    );
  });
  return [...new Set(matching)];
}

/** The policy in force for an endpoint: its own, its service's in the nearest region, or its service's. */
export async function policyOf(deps: IdentityDeps, endpointId: string): Promise<PolicyRow> {
  const endpoint = await getEndpoint(deps.db, endpointId);
  const attachments: Attachment[] = [{ endpoint_id: endpointId, service_id: '', region_id: '' }];
  let regionId = endpoint.region_id;
  for (let depth = 0; regionId !== null && depth < MAX_REGION_DEPTH; depth++) {
    attachments.push({ endpoint_id: '', service_id: endpoint.service_id, region_id: regionId });
    regionId = (await findRegion(deps.db, regionId))?.parent_region_id ?? null;
  }
  attachments.push({ endpoint_id: '', service_id: endpoint.service_id, region_id: '' });
  for (const at of attachments) {
    const found = await findAssociation(deps.db, at);
    if (found !== undefined) return getPolicy(deps.db, found.policy_id);
  }
  throw new NotFound('identity.policy_association.not_found', `No policy is associated with endpoint ${endpointId}.`);
}

async function checkParts(deps: IdentityDeps, policyId: string, at: Attachment): Promise<void> {
  await getPolicy(deps.db, policyId);
  if (at.endpoint_id !== '') await getEndpoint(deps.db, at.endpoint_id);
  if (at.service_id !== '') await getService(deps.db, at.service_id);
  if (at.region_id !== '') await getRegion(deps.db, at.region_id);
}
