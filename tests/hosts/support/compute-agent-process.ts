/** A compute agent in a process of its own, to be killed: `node compute-agent-process.ts <data folder>`. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '#kernel/clock.ts';
import { createExecHelper } from '#kernel/exec-helper.ts';
import { silentLog } from '#kernel/log.ts';
import type { DesiredGuests } from '#protocol/guests.ts';
import { createComputeAgent } from '../../../src/agents/compute/agent.ts';
import { createLibvirtDriver } from '../../../src/agents/compute/drivers/libvirt/driver.ts';

const dataDir = process.argv[2] as string;
const driver = createLibvirtDriver({
  exec: createExecHelper(),
  clock: systemClock,
  log: silentLog,
  dataDir,
  cloudId: 'crash',
  isPrivate: true,
  virtType: 'qemu',
  downloadImage: async () => Promise.reject(new Error('no images here')),
  renderConfigDrive: () => [],
});
const agent = createComputeAgent({
  driver,
  clock: systemClock,
  log: silentLog,
  hostId: 'h',
  dataDir,
  controller: {
    async waitForGuests(_, since) {
      const wanted = JSON.parse(await readFile(join(dataDir, 'wanted.json'), 'utf8')) as DesiredGuests;
      if (wanted.revision !== since) return wanted;
      await systemClock.sleep(20);
      return null;
    },
    reportGuests: async () => undefined,
    uploadImage: async () => Promise.reject(new Error('no images here')),
  },
});
setInterval(() => undefined, 60_000); // timers of the clock alone keep no process alive
await agent.run(new AbortController().signal);
