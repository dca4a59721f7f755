/**
 * What the Linux bridge driver costs: `node tests/bench/network-agent.ts [ports]`, as root. Prints milliseconds.
 * Everything happens in namespaces of its own.
 */
import {
  desiredOf,
  dhcpOf,
  groupOf,
  networkOf,
  portOf,
  ruleOf,
  subnetOf,
  uuid,
} from '../hosts/support/network-fixtures.ts';
import { createSandbox, startHost } from '../hosts/support/network-sandbox.ts';

const count = Number(process.argv[2] ?? 50);
const NETWORK = uuid('bnet');
const SUBNET = uuid('bsub');
const GROUP = uuid('bgrp');

const allPorts = Array.from({ length: count + 20 }, (_, index) => {
  const hex = index.toString(16).padStart(4, '0');
  return portOf(
    `${hex}${hex}-${hex}-4000-8000-000000000000`,
    NETWORK,
    `fa:16:3e:00:${hex.slice(0, 2)}:${hex.slice(2)}`,
    [{ subnetId: SUBNET, address: `10.5.${(index >> 7) + 1}.${(index & 127) + 1}` }],
    { securityGroupIds: [GROUP] },
  );
});

const members = (ports: number): readonly string[] =>
  allPorts.slice(0, ports).map((port) => `${port.fixedIps[0]?.address}/32`);

/** As neutron's default group: everything out, in from the members of the group; and ssh and ping. */
const world = (ports: number, extra = 0) =>
  desiredOf({
    networks: [
      networkOf(NETWORK, [subnetOf(SUBNET, '10.5.0.0/16')], {
        dhcp: dhcpOf(
          uuid('bd'),
          'fa:16:3e:01:00:d1',
          [{ subnetId: SUBNET, address: '10.5.0.2' }],
          allPorts.slice(0, ports),
        ),
      }),
    ],
    ports: allPorts.slice(0, ports),
    securityGroups: [
      groupOf(GROUP, [
        ruleOf('ingress', { remoteCidrs: members(ports) }),
        ruleOf('ingress', { protocol: 'icmp' }),
        ruleOf('ingress', { protocol: 'tcp', portMin: 22, portMax: 22 + extra }),
      ]),
    ],
  });

const box = await createSandbox();
const host = await startHost(box, { cloudId: 'bench', physicalNetworks: {}, providerBridges: [], tunnelAddress: null });
const cost = async (what: string, change: () => Promise<unknown>): Promise<number> => {
  await host.plan();
  const start = performance.now();
  await change();
  const ms = performance.now() - start;
  if (process.env['PILEUS_BENCH_COMMANDS'] !== undefined) console.log((await host.plan()).commands.join('\n'));
  if (what !== '') console.log(`${what}: ${ms.toFixed(0)} ms`);
  return ms;
};
const median = (values: readonly number[]): string =>
  (values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0).toFixed(0);

try {
  await cost(`the first ${count} ports, from nothing`, () => host.apply(world(count)));
  const look: number[] = [];
  for (let turn = 0; turn < 10; turn++) {
    const start = performance.now();
    await host.plan();
    look.push(performance.now() - start);
  }
  console.log(`look at a settled host: ${median(look)} ms`);
  const added: number[] = [];
  const removed: number[] = [];
  for (let turn = 1; turn <= 10; turn++) added.push(await cost('', () => host.apply(world(count + turn))));
  for (let turn = 9; turn >= 0; turn--) removed.push(await cost('', () => host.apply(world(count + turn))));
  console.log(`one port more, to the report and a look that finds nothing to do: ${median(added)} ms`);
  console.log(`one port less: ${median(removed)} ms`);
  const ruled: number[] = [];
  for (let turn = 1; turn <= 10; turn++) ruled.push(await cost('', () => host.apply(world(count, turn))));
  console.log(`one rule changed, for all ports: ${median(ruled)} ms`);
} finally {
  await box.close();
}
