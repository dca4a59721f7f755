/** The Linux bridge driver keeps the contract that the fake keeps. Needs root; in namespaces of its own. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { networkContract } from './support/network-contract.ts';
import { createSandbox, type Sandbox, startHost, type TestHost } from './support/network-sandbox.ts';

describe('the Linux bridge driver', () => {
  let box: Sandbox;
  let host: TestHost;
  beforeAll(async () => {
    box = await createSandbox();
    host = await startHost(box, {
      cloudId: 'contract',
      physicalNetworks: {},
      providerBridges: [],
      tunnelAddress: null,
    });
  });
  afterAll(async () => {
    await host?.stop();
    await box?.close();
  });

  it.each(networkContract.map((one) => one.name))('%s', async (name) => {
    expect(await host.runContract(name)).toBe('');
  });
});
