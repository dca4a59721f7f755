import type { RequestContext } from '#kernel/auth/context.ts';
import type { Db } from '#kernel/db/database.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest, Conflict, NotFound } from '#kernel/errors.ts';
import { newUuid } from '#kernel/ids.ts';
import type { ComputeDeps } from '../deps.ts';
import { findHostByName } from '../hosts/store.ts';
import type { ComputeTables } from '../tables.ts';
import type { AggregateAction, AggregateCreate, AggregateUpdate } from './schema.ts';
import {
  type Aggregate,
  type AggregateHost,
  deleteAggregate,
  deleteAggregateHost,
  findAggregateByName,
  getAggregate,
  haveServers,
  insertAggregate,
  insertAggregateHost,
  listAggregates,
  renameAggregate,
  updateAggregateMetadata,
  ZONE_KEY,
} from './store.ts';

type Deps = Pick<ComputeDeps, 'db' | 'policy' | 'clock'>;

/** @throws {BadRequest} `compute.invalid_input` for what is no aggregate's id. */
export function readAggregateId(text: string | undefined): number {
  if (text !== undefined && /^-?[0-9]{1,15}$/.test(text)) return Number(text);
  throw new BadRequest('compute.invalid_input', 'Invalid input received: id must be an integer');
}

/** @throws {Conflict} `compute.aggregate.exists` */
export function createAggregate({ db, clock }: Deps, wanted: AggregateCreate): Promise<Aggregate> {
  return inTransaction(db, async (tx) => {
    const at = clock.now().getTime();
    const number = await insertAggregate(tx, { uuid: newUuid(), name: wanted.name.trim(), createdAt: at });
    const zone = wanted.availability_zone?.trim() ?? '';
    if (zone !== '') await updateAggregateMetadata(tx, number, { [ZONE_KEY]: zone }, at);
    return { ...(await getAggregate(tx, number)), updated_at: null };
  });
}

/**
 * @throws {NotFound} `compute.aggregate.absent`; {Conflict} `compute.aggregate.exists`; {BadRequest} `compute.aggregate.zone`
 *   when a host would be in two zones, or servers would change theirs.
 */
export function changeAggregate({ db, clock }: Deps, number: number, wanted: AggregateUpdate): Promise<Aggregate> {
  return inTransaction(db, async (tx) => {
    const at = clock.now().getTime();
    const aggregate = await getAggregate(tx, number);
    const name = wanted.name?.trim();
    if (name !== undefined) {
      const taken = await findAggregateByName(tx, name);
      if (taken !== undefined && taken !== number)
        throw new Conflict('compute.aggregate.exists', `Aggregate ${name} already exists.`);
      await renameAggregate(tx, number, name, at);
    }
    if (wanted.availability_zone !== undefined) {
      const metadata = { [ZONE_KEY]: wanted.availability_zone };
      await checkZone(tx, aggregate, metadata, `Cannot update aggregate ${number}.`);
      await updateAggregateMetadata(tx, number, metadata, at);
    }
    return getAggregate(tx, number);
  });
}

/** @throws {NotFound} `compute.aggregate.absent`; {BadRequest} `compute.aggregate.not_empty` */
export function removeAggregate({ db }: Deps, number: number): Promise<void> {
  return inTransaction(db, async (tx) => {
    const { hosts } = await getAggregate(tx, number);
    if (hosts.length > 0) {
      throw new BadRequest(
        'compute.aggregate.not_empty',
        `Cannot remove host from aggregate ${number}. Reason: Host aggregate is not empty.`,
      );
    }
    await deleteAggregate(tx, number);
  });
}

/** Carries out the one action of the body. */
export function actOnAggregate(
  deps: Deps,
  ctx: RequestContext,
  number: number,
  action: AggregateAction,
): Promise<Aggregate> {
  const enforce = (verb: string): void => deps.policy.enforce(ctx, `os_compute_api:os-aggregates:${verb}`);
  if (action.add_host !== undefined) {
    enforce('add_host');
    return addHost(deps, number, action.add_host.host);
  }
  if (action.remove_host !== undefined) {
    enforce('remove_host');
    return removeHost(deps, number, action.remove_host.host);
  }
  enforce('set_metadata');
  return setMetadata(deps, number, action.set_metadata?.metadata ?? {});
}

function addHost({ db }: Deps, number: number, hostname: string): Promise<Aggregate> {
  return inTransaction(db, async (tx) => {
    const host = await findHostByName(tx, hostname);
    if (host === undefined) throw new NotFound('compute.host.absent', `Compute host ${hostname} could not be found.`);
    const aggregate = await getAggregate(tx, number);
    await addressZoneConflict(() =>
      checkZone(tx, { ...aggregate, hosts: [host] }, aggregate.metadata, `Cannot add host to aggregate ${number}.`, {
        isAdding: true,
      }),
    );
    if (aggregate.hosts.some(({ id }) => id === host.id))
      throw new Conflict('compute.aggregate.host_exists', `Aggregate ${number} already has host ${hostname}.`);
    await insertAggregateHost(tx, number, host.id);
    return getAggregate(tx, number);
  });
}

/** A zone that doesn't fit is the host's trouble here, not the request's. */
async function addressZoneConflict(check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    throw error instanceof BadRequest ? new Conflict(error.code, error.message, { cause: error }) : error;
  }
}

function removeHost({ db }: Deps, number: number, hostname: string): Promise<Aggregate> {
  return inTransaction(db, async (tx) => {
    const aggregate = await getAggregate(tx, number).catch(() => undefined);
    const host = aggregate?.hosts.find((each) => each.hostname === hostname);
    if (host === undefined) {
      throw new NotFound('compute.aggregate.host_absent', `Cannot remove host ${hostname} in aggregate ${number}`);
    }
    await deleteAggregateHost(tx, number, host.id);
    return getAggregate(tx, number);
  });
}

function setMetadata(
  { db, clock }: Deps,
  number: number,
  metadata: Readonly<Record<string, string | null>>,
): Promise<Aggregate> {
  return inTransaction(db, async (tx) => {
    const aggregate = await getAggregate(tx, number);
    await checkZone(tx, aggregate, metadata, `Cannot update metadata of aggregate ${number}.`);
    await updateAggregateMetadata(tx, number, metadata, clock.now().getTime());
    return getAggregate(tx, number);
  });
}

/**
 * Refuses a zone that would put a host into two, or that servers would find themselves in.
 * @see nova/compute/api.py, AggregateAPI.is_safe_to_update_az
 */
async function checkZone(
  tx: Db<ComputeTables>,
  aggregate: Aggregate & { readonly hosts: readonly AggregateHost[] },
  metadata: Readonly<Record<string, string | null>>,
  what: string,
  { isAdding = false } = {},
): Promise<void> {
  if (!(ZONE_KEY in metadata)) return;
  const zone = metadata[ZONE_KEY];
  const refuse = (reason: string): never => {
    throw new BadRequest('compute.aggregate.zone', `${what} Reason: ${reason}.`);
  };
  if (zone === null || zone === undefined || zone === '')
    return refuse(`Aggregate ${aggregate.name} does not support empty named availability zone`);
  const hostIds = aggregate.hosts.map(({ id }) => id);
  const others = (await listAggregates(tx)).filter(
    ({ number, metadata: their, hosts }) =>
      number !== aggregate.number &&
      their[ZONE_KEY] !== undefined &&
      their[ZONE_KEY] !== zone &&
      hosts.some(({ id }) => hostIds.includes(id)),
  );
  if (others.length > 0) {
    const zones = others.map(({ metadata: their }) => `'${their[ZONE_KEY] ?? ''}'`).join(', ');
    refuse(`One or more hosts already in availability zone(s) [${zones}]`);
  }
  const isNew = aggregate.metadata[ZONE_KEY] !== zone;
  if (!isAdding && isNew && (await haveServers(tx, hostIds)))
    refuse('One or more hosts contain instances in this zone');
}

export { getAggregate as showAggregate, listAggregates as findAggregates } from './store.ts';
