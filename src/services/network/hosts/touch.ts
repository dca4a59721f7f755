/**
 * Which hosts a change concerns: their revision is raised in the change's own transaction, so that each of them is told, and
 * nobody else is woken. Groups and networks have numbers of their own, by which what is read of them is kept (`shared.ts`).
 *
 * | change | hosts |
 * |---|---|
 * | a network, its subnets | all that have the network |
 * | a port | its own, the network's DHCP server; all that have the network when a host joins or leaves it (tunnel peers) |
 * | a port's addresses or groups | those with ports in groups whose rules name one of its groups |
 * | a group's rules | those with ports in the group |
 * | an address group | those with ports in groups whose rules name it |
 * | a router, its ports, its floating IPs | the one that has the router |
 */
import type { Write } from '../resources/resource.ts';
import { groupTopic, networkTopic } from './shared.ts';
import {
  dhcpHostIds,
  findHostByName,
  groupIdsThatName,
  groupIdsThatNameAddresses,
  hostIdsOfGroups,
  hostIdsOfNetworks,
  hostIdsOfRouters,
} from './store.ts';

/** The topic that a host's network agent waits for. */
export function networksTopic(hostId: string): string {
  return `networks:${hostId}`;
}

/** Raises the revision of these hosts' networks, once per change. */
export async function touchHosts(write: Write, hostIds: readonly string[]): Promise<void> {
  await touchTopics(write, hostIds.map(networksTopic));
}

async function touchTopics(write: Write, topics: readonly string[]): Promise<void> {
  const fresh = topics.filter((topic) => !write.touched.has(topic));
  for (const topic of fresh) write.touched.add(topic);
  await write.deps.revisions.bumpAll(write.tx, fresh);
}

/** A network or its subnets changed; or a host joined or left it. Call it while the leaving one still counts. */
export async function touchNetworks(write: Write, networkIds: readonly string[]): Promise<void> {
  await touchTopics(write, networkIds.map(networkTopic));
  await touchHosts(write, await hostIdsOfNetworks(write.tx, networkIds));
}

/**
 * A port came, changed or goes.
 * @param port.joins True when its host, or the lack of one, is new or ends with this change.
 */
export async function touchPort(
  write: Write,
  port: {
    readonly networkId: string;
    readonly host: string;
    readonly securityGroupIds: readonly string[];
    readonly joins: boolean;
  },
): Promise<void> {
  if (port.joins && port.host !== '') {
    await touchNetworks(write, [port.networkId]);
  } else {
    await touchHosts(write, await dhcpHostIds(write.tx, [port.networkId]));
  }
  const own = port.host === '' ? undefined : await findHostByName(write.tx, port.host);
  if (own !== undefined) await touchHosts(write, [own.id]);
  await touchGroupMembers(write, port.securityGroupIds);
}

/** A group's rules changed. */
export async function touchGroups(write: Write, groupIds: readonly string[]): Promise<void> {
  await touchTopics(write, groupIds.map(groupTopic));
  await touchHosts(write, await hostIdsOfGroups(write.tx, groupIds));
}

/** A group has other members, or they have other addresses. */
export async function touchGroupMembers(write: Write, groupIds: readonly string[]): Promise<void> {
  await touchGroups(write, await groupIdsThatName(write.tx, groupIds));
}

export async function touchAddressGroup(write: Write, addressGroupId: string): Promise<void> {
  await touchGroups(write, await groupIdsThatNameAddresses(write.tx, addressGroupId));
}

export async function touchRouters(write: Write, routerIds: readonly string[]): Promise<void> {
  await touchHosts(write, await hostIdsOfRouters(write.tx, routerIds));
}

/** The revision that a host's networks have; within a change that touches the host, the one that the change gives them. */
export function revisionOfHost(write: Write, hostId: string): Promise<number> {
  return write.deps.revisions.current(write.tx, networksTopic(hostId));
}

/** The revision of the host that has the router; 0 while none has. */
export async function revisionOfRouter(write: Write, routerId: string): Promise<number> {
  const [hostId] = await hostIdsOfRouters(write.tx, [routerId]);
  return hostId === undefined ? 0 : revisionOfHost(write, hostId);
}
