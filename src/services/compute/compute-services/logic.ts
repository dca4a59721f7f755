import type { Db } from '#kernel/db/database.ts';
import { toBit } from '#kernel/db/json.ts';
import { inTransaction } from '#kernel/db/transaction.ts';
import { BadRequest, Conflict, NotFound } from '#kernel/errors.ts';
import { isUuidLike } from '#kernel/ids.ts';
import { deleteHostFromAggregates, haveServers, listHostZones } from '../aggregates/store.ts';
import { DEFAULT_ZONE } from '../availability-zones/zones.ts';
import type { ComputeDeps } from '../deps.ts';
import { isTrue } from '../fields.ts';
import { findHost, findHostByName, type Host, listHosts } from '../hosts/store.ts';
import type { ComputeTables } from '../tables.ts';
import { type ControllerService, controllerServices } from './controllers.ts';
import type { ServiceAction, ServiceQuery, ServiceUpdate } from './schema.ts';
import { deleteHost, findHostByNumber, type HostOperation, updateHostOperation } from './store.ts';

type Deps = Pick<ComputeDeps, 'db' | 'clock' | 'liveness'>;

/** The program on a host that the API calls a service. */
export const BINARY = 'nova-compute';

export interface HostService {
  readonly host: Host;
  readonly zone: string;
  readonly isUp: boolean;
}

/** The controller's own services that fit. */
export function findControllerServices(query: ServiceQuery): readonly ControllerService[] {
  return controllerServices().filter(
    ({ binary, host }) =>
      ((query.binary ?? '') === '' || query.binary === binary) && ((query.host ?? '') === '' || query.host === host),
  );
}

export async function findServices({ db, liveness }: Deps, query: ServiceQuery): Promise<HostService[]> {
  if ((query.binary ?? '') !== '' && query.binary !== BINARY) return [];
  const zones = await listHostZones(db);
  const hosts = (await listHosts(db)).filter(({ hostname }) => (query.host ?? '') === '' || hostname === query.host);
  return hosts
    .toSorted((a, b) => a.number - b.number)
    .map((host) => ({ host, zone: zones.get(host.id) ?? DEFAULT_ZONE, isUp: liveness.isUp(host) }));
}

const ACTIONS: Readonly<Record<string, (body: ServiceAction) => HostOperation>> = {
  enable: () => ({ is_disabled: 0, disabled_reason: null }),
  disable: () => ({ is_disabled: 1, disabled_reason: null }),
  'disable-log-reason': ({ disabled_reason: reason }) => {
    if (reason === undefined) throw new BadRequest('compute.service.no_reason', 'Missing disabled reason field');
    return { is_disabled: 1, disabled_reason: reason };
  },
  'force-down': ({ forced_down: isForced }) => {
    if (isForced === undefined) throw new BadRequest('compute.service.no_forced_down', 'Missing forced_down field');
    return { is_forced_down: toBit(isTrue(isForced)) };
  },
};

/**
 * Enables, disables or forces down the service on a host, by the action's name.
 * @param canForceDown Whether the microversion knows `force-down`.
 * @throws {NotFound} `compute.service.unknown_action`, `compute.service.absent`; {BadRequest} for a field that is missing.
 */
export async function actOnService(
  deps: Deps,
  name: string,
  body: ServiceAction,
  canForceDown: boolean,
): Promise<HostOperation> {
  const action = Object.hasOwn(ACTIONS, name) && (name !== 'force-down' || canForceDown) ? ACTIONS[name] : undefined;
  if (action === undefined) throw new NotFound('compute.service.unknown_action', 'Unknown action');
  const operation = action(body);
  if (body.binary !== BINARY) {
    throw notCompute(body.binary);
  }
  const host = await findHostByName(deps.db, body.host);
  if (host === undefined)
    throw new NotFound('compute.service.absent', `Could not find binary ${body.binary} on host ${body.host}.`);
  await updateHostOperation(deps.db, host.id, operation, deps.clock.now().getTime());
  return operation;
}

/** @throws {BadRequest} `compute.invalid_input`; {NotFound} `compute.service.absent` */
export async function changeService(deps: Deps, id: string, wanted: ServiceUpdate): Promise<HostService> {
  const host = await getServiceHost(deps.db, id, true);
  if (wanted.status === 'enabled' && wanted.disabled_reason !== undefined) {
    throw new BadRequest(
      'compute.service.reason_when_enabled',
      "Specifying 'disabled_reason' with status 'enabled' is invalid.",
    );
  }
  const status: HostOperation =
    wanted.status === undefined
      ? {}
      : {
          is_disabled: toBit(wanted.status === 'disabled'),
          disabled_reason: wanted.status === 'disabled' ? (wanted.disabled_reason ?? null) : null,
        };
  const forced: HostOperation =
    wanted.forced_down === undefined ? {} : { is_forced_down: toBit(isTrue(wanted.forced_down)) };
  const operation = { ...status, ...forced };
  if (Object.keys(operation).length === 0) {
    throw new BadRequest(
      'compute.service.no_update',
      "No updates were requested. Fields 'status' or 'forced_down' should be specified.",
    );
  }
  await updateHostOperation(deps.db, host.id, operation, deps.clock.now().getTime());
  const [service] = await findServices(deps, { host: host.hostname });
  if (service === undefined) throw absent(id);
  return service;
}

/**
 * Forgets a host. One whose agent still runs comes back with its next heartbeat.
 * @throws {Conflict} `compute.service.has_servers`; {NotFound} `compute.service.absent`; {BadRequest} `compute.invalid_input`
 */
export async function removeService(deps: Deps, id: string, isUuid: boolean): Promise<void> {
  const host = await getServiceHost(deps.db, id, isUuid);
  await inTransaction(deps.db, async (tx) => {
    if (await haveServers(tx, [host.id])) {
      throw new Conflict(
        'compute.service.has_servers',
        'Unable to delete compute service that is hosting instances. Migrate or delete the instances first.',
      );
    }
    await deleteHostFromAggregates(tx, host.id);
    await deleteHost(tx, host.id);
  });
}

async function getServiceHost(db: Db<ComputeTables>, id: string, isUuid: boolean): Promise<Host> {
  if (isUuid && !isUuidLike(id)) throw new BadRequest('compute.invalid_input', `Invalid uuid ${id.slice(0, 255)}`);
  if (!isUuid && !/^[0-9]{1,15}$/.test(id))
    throw new BadRequest('compute.invalid_input', 'Invalid input received: id must be an integer');
  const controller = controllerServices().find(({ uuid, number }) => (isUuid ? uuid === id : String(number) === id));
  if (controller !== undefined) throw notCompute(controller.binary);
  const host = isUuid ? await findHost(db, id) : await findHostByNumber(db, Number(id));
  if (host === undefined) throw absent(id);
  return host;
}

function notCompute(binary: string): BadRequest {
  return new BadRequest(
    'compute.service.not_compute',
    `Updating a ${binary} service is not supported. Only nova-compute services can be updated.`,
  );
}

function absent(id: string): NotFound {
  return new NotFound('compute.service.absent', `Service ${id} could not be found.`);
}
