/**
 * A host of its own for tests of the network agent: runs in whatever network namespace it was started in, is told
 * the desired state by its parent, and tells it each report. Killed with `kill -9`, it leaves what a crashed agent leaves.
 */
import { systemClock } from '#kernel/clock.ts';
import type { Exec } from '#kernel/exec.ts';
import { createDirectExec } from '#kernel/exec-direct.ts';
import { openLog } from '#kernel/log.ts';
import type { DesiredNetworks } from '#protocol/networks.ts';
import { createNetworkAgent } from '../../../src/agents/network/agent.ts';
import {
  createLinuxBridgeDriver,
  type LinuxBridgeOptions,
} from '../../../src/agents/network/drivers/linux-bridge/index.ts';
import { planNetworks } from '../../../src/agents/network/plan.ts';
import { networkContract } from './network-contract.ts';

export type HostConfig = Pick<
  LinuxBridgeOptions,
  'cloudId' | 'runDir' | 'physicalNetworks' | 'providerBridges' | 'tunnelAddress'
> & { readonly dataDir: string };

export type ToHost =
  | { readonly what: 'desired'; readonly desired: DesiredNetworks }
  | { readonly what: 'plan'; readonly keepsCommands: boolean }
  | { readonly what: 'contract'; readonly name: string }
  | { readonly what: 'purge' }
  | { readonly what: 'stop' };

const config = JSON.parse(process.argv[2] ?? '{}') as HostConfig;
const log = openLog({ level: (process.env['PILEUS_TEST_LOG'] ?? 'silent') as 'silent' });
const stop = new AbortController();
const commands: string[] = [];
const exec = counting(createDirectExec());
const driver = await createLinuxBridgeDriver({
  ...config,
  exec,
  clock: systemClock,
  log,
  answerMetadata: async (networkId, sourceAddress, path) => ({
    status: 200,
    contentType: 'application/json',
    body: `${JSON.stringify({ networkId, sourceAddress, path })}\n`,
  }),
});
let desired: DesiredNetworks | undefined;
let tellWaiter: (() => void) | undefined;

const agent = createNetworkAgent({
  hostId: 'host',
  driver,
  clock: systemClock,
  log,
  dataDir: config.dataDir,
  limits: { periodMs: 2_000 },
  controller: {
    async waitForNetworks(_hostId, since, signal) {
      while (!signal.aborted && (desired === undefined || desired.revision === since)) {
        await new Promise<void>((resolve) => {
          tellWaiter = resolve;
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      }
      return signal.aborted ? null : (desired ?? null);
    },
    reportNetworks: async (_hostId, report) => void process.send?.({ what: 'report', report }),
  },
});

process.on('message', (message: ToHost) => void handle(message));
process.on('disconnect', () => process.exit(0));
const running = agent.run(stop.signal);
process.send?.({ what: 'started', facts: driver.facts });

async function handle(message: ToHost): Promise<void> {
  if (message.what === 'desired') {
    desired = message.desired;
    tellWaiter?.();
  } else if (message.what === 'plan') {
    const design = driver.design(desired ?? { revision: 0, networks: [], ports: [], securityGroups: [], routers: [] });
    const signal = AbortSignal.timeout(10_000);
    const observed = driver.compare(design, await driver.observe(signal));
    const steps = planNetworks(design, observed).map((step) => {
      const wanted = design.resources.get(step.resource)?.fingerprint ?? 'nothing';
      return `${step.what} ${step.resource}\n  wanted ${wanted}\n  found ${observed.get(step.resource)?.fingerprint ?? 'nothing'}`;
    });
    process.send?.({ what: 'plan', steps, commands: message.keepsCommands ? [] : commands.splice(0) });
  } else if (message.what === 'contract') {
    const found = networkContract.find((one) => one.name === message.name);
    const error = await found?.run(driver).then(
      () => '',
      (reason: unknown) => (reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)),
    );
    await driver.purge(AbortSignal.timeout(30_000));
    process.send?.({ what: 'contract', error: error ?? 'no such case' });
  } else {
    stop.abort();
    await running;
    if (message.what === 'purge') await driver.purge(AbortSignal.timeout(30_000));
    await driver.close();
    process.send?.({ what: 'stopped' }, undefined, undefined, () => process.exit(0));
  }
}

/** Remembers what was run, so that a test can tell what a change costs. */
function counting(inner: Exec): Exec {
  return {
    ...inner,
    run: (request, signal) => timed(request.argv.join(' '), inner.run(request, signal)),
    check: (request, signal) => timed(request.argv.join(' '), inner.check(request, signal)),
  };
}

async function timed<T>(command: string, work: Promise<T>): Promise<T> {
  const start = performance.now();
  try {
    return await work;
  } finally {
    commands.push(`${command} [${(performance.now() - start).toFixed(1)} ms]`);
  }
}
