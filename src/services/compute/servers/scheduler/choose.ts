/**
 * Choosing a host: a pure function of the hosts, what placement says they have free, and what the server asks. Filters say
 * in words what a host lacks, and by how much, so that "no valid host" comes with its reasons.
 * @see nova/scheduler/filters/, nova/scheduler/weights/
 */

/** A host as the scheduler sees it. */
export interface SchedulableHost {
  readonly id: string;
  readonly hostname: string;
  readonly isUp: boolean;
  readonly isDisabled: boolean;
  readonly zone: string;
  /** Metadata of the host's aggregates, all values of each key. */
  readonly aggregateMetadata: Readonly<Record<string, readonly string[]>>;
}

/** What placement says of a host. */
export interface HostResources {
  readonly providerId: string;
  readonly free: Readonly<Record<string, number>>;
  readonly capacity: Readonly<Record<string, number>>;
  readonly lacking: readonly (
    | { readonly kind: 'resource'; readonly resourceClass: string; readonly asked: number; readonly free: number }
    | { readonly kind: 'constraint'; readonly resourceClass: string; readonly asked: number; readonly maxUnit: number }
    | { readonly kind: 'missing trait' | 'forbidden trait'; readonly trait: string }
  )[];
}

/** What a server asks of its host. */
export interface PlaceRequest {
  readonly zone: string | null;
  /** An administrator's choice: only this one, disabled or not. */
  readonly hostId: string | null;
  /** Hosts of servers that it shall be with, if there are any. */
  readonly sameHosts: readonly string[] | null;
  readonly differentHosts: readonly string[];
  readonly group: GroupRequest | null;
  /** Extra specs `aggregate_instance_extra_specs:key`, by key. */
  readonly aggregateSpecs: Readonly<Record<string, string>>;
  /** Hosts that were tried and failed. */
  readonly excludedHosts: readonly string[];
}

export interface GroupRequest {
  readonly policy: 'affinity' | 'anti-affinity' | 'soft-affinity' | 'soft-anti-affinity';
  /** How many members each host has. */
  readonly members: Readonly<Record<string, number>>;
  readonly maxPerHost: number;
}

export interface Rejection {
  readonly hostId: string;
  readonly hostname: string;
  /** Stable words, the same for all hosts with the same lack: they can be counted. */
  readonly kind: string;
  /** The whole sentence with numbers. */
  readonly reason: string;
}

export interface Choice {
  /** Fit hosts, best first. */
  readonly hostIds: readonly string[];
  readonly rejected: readonly Rejection[];
}

/** Puts the fit hosts in order, and says of each other one what it lacks. */
export function chooseHosts(
  hosts: readonly SchedulableHost[],
  resources: ReadonlyMap<string, HostResources>,
  request: PlaceRequest,
): Choice {
  const rejected: Rejection[] = [];
  const fit: SchedulableHost[] = [];
  for (const host of hosts) {
    const lack = lackOf(host, resources.get(host.id), request);
    if (lack === undefined) fit.push(host);
    else rejected.push({ hostId: host.id, hostname: host.hostname, ...lack });
  }
  const weighed = fit.map((host) => ({ host, weight: weightOf(host, resources.get(host.id), request) }));
  weighed.sort((a, b) => b.weight - a.weight || (a.host.id < b.host.id ? -1 : 1));
  return { hostIds: weighed.map(({ host }) => host.id), rejected };
}

type Lack = Pick<Rejection, 'kind' | 'reason'>;

function lackOf(host: SchedulableHost, found: HostResources | undefined, request: PlaceRequest): Lack | undefined {
  if (request.hostId !== null && host.id !== request.hostId)
    return { kind: 'not the host that was asked for', reason: 'is not the host that was asked for' };
  if (request.excludedHosts.includes(host.id))
    return { kind: 'has failed to build it', reason: 'has been tried, and could not build it' };
  if (!host.isUp) return { kind: 'down', reason: 'is down: its agent has not been heard lately' };
  if (host.isDisabled && request.hostId === null) return { kind: 'disabled', reason: 'is disabled by an operator' };
  if (request.zone !== null && host.zone !== request.zone)
    return {
      kind: 'in another availability zone',
      reason: `is in availability zone ${host.zone}, not ${request.zone}`,
    };
  return lackOfHints(host, request) ?? lackOfAggregates(host, request) ?? lackOfResources(found);
}

function lackOfHints(host: SchedulableHost, request: PlaceRequest): Lack | undefined {
  if (request.sameHosts !== null && !request.sameHosts.includes(host.id))
    return { kind: 'without the servers it shall be with', reason: 'does not have the servers of the hint same_host' };
  if (request.differentHosts.includes(host.id))
    return { kind: 'with servers it shall be apart from', reason: 'has a server of the hint different_host' };
  const { group } = request;
  if (group === null) return undefined;
  const here = group.members[host.id] ?? 0;
  const isStarted = Object.values(group.members).some((count) => count > 0);
  if (group.policy === 'affinity' && isStarted && here === 0)
    return { kind: 'without the group', reason: 'does not have the servers of its affinity group' };
  if (group.policy === 'anti-affinity' && here >= group.maxPerHost)
    return {
      kind: 'with the group',
      reason: `has ${here} of its anti-affinity group, which allows ${group.maxPerHost}`,
    };
  return undefined;
}

/** @see nova/scheduler/filters/aggregate_instance_extra_specs.py */
function lackOfAggregates(host: SchedulableHost, request: PlaceRequest): Lack | undefined {
  for (const [key, wanted] of Object.entries(request.aggregateSpecs)) {
    const values = host.aggregateMetadata[key] ?? [];
    if (!values.some((value) => matchesSpec(value, wanted)))
      return {
        kind: 'in no aggregate of the flavor',
        reason: `is in no aggregate with ${key}=${wanted}`,
      };
  }
  return undefined;
}

/** `<or> a <or> b` and plain equality; the numeric operators `>=` and `<=`. @see nova/scheduler/filters/extra_specs_ops.py */
export function matchesSpec(value: string, wanted: string): boolean {
  const words = wanted.trim().split(/\s+/);
  if (words[0] === '<or>') return wanted.split('<or>').some((one) => one.trim() !== '' && one.trim() === value);
  if (words[0] === '<in>') return value.includes(words.slice(1).join(' '));
  const [operator, operand] = words;
  if ((operator === '>=' || operator === '=') && operand !== undefined) return Number(value) >= Number(operand);
  if (operator === '<=' && operand !== undefined) return Number(value) <= Number(operand);
  if (operator === 's==' && operand !== undefined) return value === operand;
  if (operator === 's!=' && operand !== undefined) return value !== operand;
  return value === wanted;
}

const UNITS: Readonly<Record<string, string>> = { VCPU: 'VCPU', MEMORY_MB: 'MiB of memory', DISK_GB: 'GiB of disk' };

function lackOfResources(found: HostResources | undefined): Lack | undefined {
  if (found === undefined) return { kind: 'without resources', reason: 'has told of no resources yet' };
  if (found.lacking.length === 0) return undefined;
  const kinds = found.lacking.map((lack) => {
    if (lack.kind === 'resource' || lack.kind === 'constraint') return `short of ${lack.resourceClass}`;
    return lack.kind === 'missing trait' ? `without ${lack.trait}` : `with ${lack.trait}`;
  });
  const reasons = found.lacking.map((lack) => {
    if (lack.kind === 'resource')
      return `lacks ${lack.asked - lack.free} ${UNITS[lack.resourceClass] ?? lack.resourceClass} (asked ${lack.asked}, free ${lack.free})`;
    if (lack.kind === 'constraint')
      return `gives a guest at most ${lack.maxUnit} ${UNITS[lack.resourceClass] ?? lack.resourceClass} (asked ${lack.asked})`;
    return lack.kind === 'missing trait'
      ? `does not have the trait ${lack.trait}`
      : `has the trait ${lack.trait}, which is forbidden`;
  });
  return { kind: kinds.join(', '), reason: reasons.join(', ') };
}

/** The larger, the better: nova's weighers of memory, processors and disk with equal weight, then the soft group policies. */
function weightOf(host: SchedulableHost, found: HostResources | undefined, request: PlaceRequest): number {
  const share = (name: string): number => {
    const capacity = found?.capacity[name] ?? 0;
    return capacity === 0 ? 0 : (found?.free[name] ?? 0) / capacity;
  };
  const spread = share('MEMORY_MB') + share('VCPU') + share('DISK_GB');
  const here = request.group?.members[host.id] ?? 0;
  if (request.group?.policy === 'soft-affinity') return spread + 10 * here;
  if (request.group?.policy === 'soft-anti-affinity') return spread - 10 * here;
  return spread;
}

/**
 * Why no host was fit: for the server's owner, who may not know hosts, and for administrators, host by host.
 * The first words are nova's; clients look for them.
 */
export function explainRejections(rejected: readonly Rejection[]): { message: string; details: string } {
  if (rejected.length === 0)
    return {
      message: 'No valid host was found. There are not enough hosts available: no host has joined this cloud yet.',
      details: 'No host has joined this cloud yet: pileus join adds one.',
    };
  const counts = [...Map.groupBy(rejected, ({ kind }) => kind)]
    .map(([kind, list]) => `${list.length} ${list.length === 1 ? 'is' : 'are'} ${kind}`)
    .toSorted();
  const total = `${rejected.length} host${rejected.length === 1 ? '' : 's'}`;
  return {
    message: `No valid host was found. There are not enough hosts available: of ${total}, ${counts.join('; ')}.`,
    details: rejected.map(({ hostname, reason }) => `${hostname} ${reason}.`).join('\n'),
  };
}
