import type { RequestContext } from '#kernel/auth/context.ts';
import { toBit } from '#kernel/db/json.ts';
import type { SortKey } from '#kernel/db/page.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest, Conflict, NotFound } from '#kernel/errors.ts';
import { newUuid } from '#kernel/ids.ts';
import type { ComputeDeps } from '../deps.ts';
import { isTrue, MAX_INT, strictBoolean, wholeNumber } from '../fields.ts';
import { limitOf } from '../paging.ts';
import { checkProject } from '../projects.ts';
import { checkExtraSpec } from './extra-specs.ts';
import { FLAVOR_SORT_COLUMNS, type FlavorAction, type FlavorCreate, type FlavorQuery } from './schema.ts';
import {
  deleteExtraSpec,
  deleteFlavor,
  deleteFlavorAccess,
  type Flavor,
  type FlavorViewer,
  findFlavor,
  getFlavor,
  insertFlavor,
  insertFlavorAccess,
  listFlavorAccess,
  listFlavors,
  setExtraSpecs,
  updateFlavorDescription,
} from './store.ts';
import type { FlavorRow } from './tables.ts';

type Deps = Pick<ComputeDeps, 'db' | 'policy' | 'clock' | 'identity'>;

/** Who a caller is to flavors: an administrator sees all of them. */
export function flavorViewer({ policy }: Pick<ComputeDeps, 'policy'>, ctx: RequestContext): FlavorViewer {
  return policy.allows(ctx, 'context_is_admin') ? null : (ctx.projectId ?? '');
}

/**
 * One page of the flavors that the caller may see.
 * @throws {BadRequest} `compute.invalid_input`, `compute.marker`
 */
export async function findFlavors(deps: Deps, ctx: RequestContext, query: FlavorQuery): Promise<Flavor[]> {
  const viewer = flavorViewer(deps, ctx);
  const marker = query.marker === undefined ? undefined : await findFlavor(deps.db, query.marker, viewer);
  if (query.marker !== undefined && marker === undefined)
    throw new BadRequest('compute.marker', `marker [${query.marker.slice(0, 255)}] not found`);
  const limit = limitOf(query);
  return limit === 0
    ? []
    : listFlavors(
        deps.db,
        {
          viewer,
          isPublic: viewer === null ? readIsPublic(query.is_public) : true,
          projectId: ctx.projectId,
          minMemoryMib: readMinimum('minRam', query.minRam),
          minRootGib: readMinimum('minDisk', query.minDisk),
        },
        { keys: sortKeys(query), marker, limit },
      );
}

function sortKeys({ sort_key: key = 'flavorid', sort_dir: direction = 'asc' }: FlavorQuery): SortKey[] {
  const column = FLAVOR_SORT_COLUMNS[key] ?? 'id';
  return column === 'id'
    ? [{ column, direction }]
    : [
        { column, direction },
        { column: 'id', direction },
      ];
}

function readIsPublic(text: string | undefined): boolean | null {
  if (text === undefined) return true;
  if (text.toLowerCase() === 'none') return null;
  return strictBoolean(text, `Invalid is_public filter [${text.slice(0, 255)}]`);
}

function readMinimum(name: string, text: string | undefined): number {
  if (text === undefined) return 0;
  if (!/^\s*[+-]?\d{1,15}\s*$/.test(text))
    throw new BadRequest('compute.invalid_input', `Invalid ${name} filter [${text.slice(0, 255)}]`);
  return Number(text);
}

/** @throws {Conflict} `compute.flavor.exists` when the name or id is taken. */
export async function createFlavor(deps: Deps, wanted: FlavorCreate): Promise<Flavor> {
  const row: FlavorRow = {
    id: wanted.id === undefined || wanted.id === null ? newUuid() : String(wanted.id),
    name: wanted.name.trim(),
    memory_mib: wholeNumber(wanted.ram, 'ram', 1),
    vcpus: wholeNumber(wanted.vcpus, 'vcpus', 1),
    root_gib: wholeNumber(wanted.disk, 'disk'),
    ephemeral_gib: wholeNumber(wanted['OS-FLV-EXT-DATA:ephemeral'] ?? 0, 'ephemeral'),
    swap_mib: wholeNumber(wanted.swap ?? 0, 'swap', 0, MAX_INT),
    rxtx_factor: readRxtxFactor(wanted.rxtx_factor ?? 1),
    is_public: toBit(isTrue(wanted['os-flavor-access:is_public'] ?? true)),
    is_disabled: 0,
    description: wanted.description ?? null,
    created_at: deps.clock.now().getTime(),
  };
  await insertFlavor(deps.db, row);
  return { ...row, extraSpecs: {} };
}

function readRxtxFactor(value: string | number): number {
  const factor = Number(value);
  if (factor > 0 && factor <= 3.402_82e38) return factor;
  throw new BadRequest(
    'compute.invalid_input',
    "Invalid input received: 'rxtx_factor' argument must be a float between 0 and 3.40282e+38",
  );
}

/** @throws {NotFound} `compute.flavor.absent` */
export async function describeFlavor(deps: Deps, id: string, description: string | null): Promise<Flavor> {
  await updateFlavorDescription(deps.db, id, description);
  return getFlavor(deps.db, id, null);
}

/** @throws {NotFound} `compute.flavor.absent` */
export async function removeFlavor(deps: Deps, id: string): Promise<void> {
  await deleteFlavor(deps.db, id);
}

/**
 * Sets extra specs of a flavor and keeps the others.
 * @param isStrict Whether known names are checked (from 2.86 on).
 * @throws {BadRequest} `compute.flavor.extra_spec`; {NotFound} `compute.flavor.absent`
 */
export async function changeExtraSpecs(
  deps: Deps,
  flavorId: string,
  specs: Readonly<Record<string, string | number>>,
  isStrict: boolean,
): Promise<void> {
  const texts = Object.fromEntries(Object.entries(specs).map(([name, value]) => [name, String(value)]));
  if (isStrict) for (const [name, value] of Object.entries(texts)) checkExtraSpec(name, value);
  await inTransaction(deps.db, async (tx) => {
    await getFlavor(tx, flavorId, null);
    await setExtraSpecs(tx, flavorId, texts);
  });
}

/** @throws {NotFound} `compute.flavor.absent`, `compute.flavor.extra_spec_absent` */
export async function removeExtraSpec(deps: Deps, flavorId: string, name: string): Promise<void> {
  await getFlavor(deps.db, flavorId, null);
  if (!(await deleteExtraSpec(deps.db, flavorId, name))) throw absentExtraSpec(flavorId, name);
}

/** @throws {NotFound} `compute.flavor.absent`, `compute.flavor.extra_spec_absent` */
export async function getExtraSpec(deps: Deps, ctx: RequestContext, flavorId: string, name: string): Promise<string> {
  const { extraSpecs } = await getFlavor(deps.db, flavorId, flavorViewer(deps, ctx));
  const value = Object.hasOwn(extraSpecs, name) ? extraSpecs[name] : undefined;
  if (value === undefined) throw absentExtraSpec(flavorId, name);
  return value;
}

/** The flavor as the caller may see it. @throws {NotFound} `compute.flavor.absent` */
export function showFlavor(deps: Deps, ctx: RequestContext, id: string): Promise<Flavor> {
  return getFlavor(deps.db, id, flavorViewer(deps, ctx));
}

function absentExtraSpec(flavorId: string, name: string): NotFound {
  return new NotFound(
    'compute.flavor.extra_spec_absent',
    `Flavor ${flavorId} has no extra specs with key ${name.slice(0, 255)}.`,
  );
}

export interface AccessEntry {
  readonly flavor_id: string;
  readonly tenant_id: string;
}

/** @throws {NotFound} `compute.flavor.absent`, `compute.flavor.public` */
export async function findFlavorAccess(deps: Deps, ctx: RequestContext, flavorId: string): Promise<AccessEntry[]> {
  const flavor = await getFlavor(deps.db, flavorId, flavorViewer(deps, ctx));
  if (flavor.is_public === 1)
    throw new NotFound('compute.flavor.public', 'Access list not available for public flavors.');
  return accessEntries(deps, flavorId);
}

/**
 * Lets a project use a flavor, or no longer.
 * @param isStrict Whether a public flavor refuses more access (from 2.7 on).
 * @throws {NotFound} `compute.flavor.absent`, `compute.flavor.access_absent`; {Conflict} `compute.flavor.public`,
 *   `compute.flavor.access_exists`
 */
export async function changeFlavorAccess(
  deps: Deps,
  ctx: RequestContext,
  flavorId: string,
  { action, isStrict }: { readonly action: FlavorAction; readonly isStrict: boolean },
): Promise<AccessEntry[]> {
  const flavor = await getFlavor(deps.db, flavorId, flavorViewer(deps, ctx));
  if (action.addTenantAccess !== undefined) {
    deps.policy.enforce(ctx, 'os_compute_api:os-flavor-access:add_tenant_access');
    await checkProject(deps, action.addTenantAccess.tenant);
    if (isStrict && flavor.is_public === 1)
      throw new Conflict('compute.flavor.public', 'Can not add access to a public flavor.');
    await insertFlavorAccess(deps.db, flavorId, action.addTenantAccess.tenant);
  } else if (action.removeTenantAccess !== undefined) {
    deps.policy.enforce(ctx, 'os_compute_api:os-flavor-access:remove_tenant_access');
    await deleteFlavorAccess(deps.db, flavorId, action.removeTenantAccess.tenant);
  }
  return accessEntries(deps, flavorId);
}

async function accessEntries({ db }: Deps, flavorId: string): Promise<AccessEntry[]> {
  return (await listFlavorAccess(db, flavorId)).map((tenant) => ({ flavor_id: flavorId, tenant_id: tenant }));
}
