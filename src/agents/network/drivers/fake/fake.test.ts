import { describe, it } from 'vitest';
import { ManualClock } from '#kernel/clock.ts';
import { networkContract } from '#tests/hosts/support/network-contract.ts';
import { createFakeNetworkDriver } from './index.ts';

describe('the fake network driver', () => {
  it.each(networkContract)('$name', async ({ run }) => {
    await run(createFakeNetworkDriver({ clock: new ManualClock() }));
  });
});
