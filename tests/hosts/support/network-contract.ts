/** What every network driver has to do, as cases that throw when it does not. The fake and the real driver run the same. */
import assert from 'node:assert/strict';
import type { DesiredNetworks } from '#protocol/networks.ts';
import type { NetworkDriver } from '../../../src/agents/network/drivers/contract.ts';
import { type NetworkStep, planNetworks } from '../../../src/agents/network/plan.ts';
import { reportNetworks } from '../../../src/agents/network/report.ts';
import { desiredOf, dhcpOf, groupOf, networkOf, portOf, routerOf, ruleOf, subnetOf, uuid } from './network-fixtures.ts';

const CASE_MS = 20_000;
const NETWORK = uuid('cnet');
const SUBNET = uuid('csub');
const GROUP = uuid('cgrp');
const port = portOf(uuid('cp'), NETWORK, 'fa:16:3e:00:09:01', [{ subnetId: SUBNET, address: '10.9.0.11' }], {
  securityGroupIds: [GROUP],
});

function world(more: Partial<DesiredNetworks> = {}): DesiredNetworks {
  return desiredOf({
    networks: [
      networkOf(NETWORK, [subnetOf(SUBNET, '10.9.0.0/24')], {
        dhcp: dhcpOf(uuid('cd'), 'fa:16:3e:00:09:d1', [{ subnetId: SUBNET, address: '10.9.0.2' }], [port]),
      }),
    ],
    ports: [port],
    securityGroups: [groupOf(GROUP, [])],
    routers: [
      routerOf(uuid('crt'), {
        interfaces: [
          {
            portId: uuid('cq'),
            networkId: NETWORK,
            macAddress: 'fa:16:3e:00:09:fe',
            addresses: [{ subnetId: SUBNET, address: '10.9.0.1', prefixLength: 24 }],
          },
        ],
      }),
    ],
    ...more,
  });
}

export interface ContractCase {
  readonly name: string;
  run(driver: NetworkDriver): Promise<void>;
}

export const networkContract: readonly ContractCase[] = [
  {
    name: 'makes everything in one pass, and then has nothing to do',
    async run(driver) {
      const desired = world();
      assert.ok((await applyAll(driver, desired)).length > 0);
      assert.deepEqual(await planNow(driver, desired), []);
      const report = await reportNow(driver, desired);
      assert.deepEqual(
        [...report.networks, ...report.ports, ...report.routers].map((one) => one.state),
        ['up', 'up', 'up'],
      );
    },
  },
  {
    name: 'may be told to make again what is there',
    async run(driver) {
      const desired = world();
      await applyAll(driver, desired);
      const design = driver.design(desired);
      const signal = AbortSignal.timeout(CASE_MS);
      await Promise.all(
        [...design.resources.values()].map((resource) => driver.apply({ action: 'ensure', resource }, signal)),
      );
      assert.deepEqual(await planNow(driver, desired), []);
    },
  },
  {
    name: 'changes only what a change is about',
    async run(driver) {
      await applyAll(driver, world());
      const next = world({
        securityGroups: [groupOf(GROUP, [ruleOf('ingress', { protocol: 'tcp', portMin: 22, portMax: 22 })])],
      });
      const steps = await planNow(driver, next);
      assert.deepEqual(
        steps.map((step) => step.resource),
        ['firewall:'],
      );
    },
  },
  {
    name: 'takes a port down without removing it',
    async run(driver) {
      const desired = world({ ports: [{ ...port, isAdminUp: false }] });
      await applyAll(driver, desired);
      assert.deepEqual(
        (await reportNow(driver, desired)).ports.map((one) => one.state),
        ['down'],
      );
      assert.deepEqual(await planNow(driver, desired), []);
    },
  },
  {
    name: 'removes what is no longer wanted, in any order of handing over',
    async run(driver) {
      await applyAll(driver, world());
      const empty = desiredOf({});
      const steps = await planNow(driver, empty);
      assert.ok(steps.every((step) => step.change.action === 'remove'));
      const signal = AbortSignal.timeout(CASE_MS);
      await Promise.all(steps.toReversed().map((step) => driver.apply(step.change, signal)));
      assert.deepEqual(await planNow(driver, empty), []);
      assert.equal(driver.compare(driver.design(empty), await driver.observe(signal)).size, 0);
    },
  },
  {
    name: 'tells of a network that it cannot make, and makes the others',
    async run(driver) {
      const base = world();
      const lost = networkOf(uuid('lost'), [], { type: 'flat', physicalNetwork: 'nowhere' });
      const desired = { ...base, networks: [...base.networks, lost] };
      await applyAll(driver, desired);
      const report = await reportNow(driver, desired);
      assert.deepEqual(
        report.networks.map((one) => [one.state, one.problem?.code]),
        [
          ['up', undefined],
          ['absent', 'network.physical.unknown'],
        ],
      );
    },
  },
  {
    name: 'purges everything',
    async run(driver) {
      await applyAll(driver, world());
      const signal = AbortSignal.timeout(CASE_MS);
      await driver.purge(signal);
      assert.equal(driver.compare(driver.design(desiredOf({})), await driver.observe(signal)).size, 0);
    },
  },
];

async function planNow(driver: NetworkDriver, desired: DesiredNetworks): Promise<readonly NetworkStep[]> {
  const design = driver.design(desired);
  return planNetworks(design, driver.compare(design, await driver.observe(AbortSignal.timeout(CASE_MS))));
}

async function applyAll(driver: NetworkDriver, desired: DesiredNetworks): Promise<readonly NetworkStep[]> {
  const steps = await planNow(driver, desired);
  const signal = AbortSignal.timeout(CASE_MS);
  await Promise.all(steps.map((step) => driver.apply(step.change, signal)));
  return steps;
}

async function reportNow(driver: NetworkDriver, desired: DesiredNetworks) {
  const design = driver.design(desired);
  const observed = driver.compare(design, await driver.observe(AbortSignal.timeout(CASE_MS)));
  return reportNetworks(desired, design, observed, new Map());
}
