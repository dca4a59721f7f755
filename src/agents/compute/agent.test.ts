import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
import { silentLog } from '#kernel/log.ts';
import type { ControllerApi } from '#protocol/controller.ts';
import type { DesiredGuest, DesiredGuests, GuestsReport, ObservedGuest } from '#protocol/guests.ts';
import { desiredOf, sampleGuest, samplePort } from '#tests/support/guest-samples.ts';
import { createComputeAgent } from './agent.ts';
import {
  crashFakeHost,
  createFakeDriver,
  createFakeHost,
  type FakeHost,
  stopFakeGuest,
} from './drivers/fake/driver.ts';

const ID = sampleGuest().id;

/** A controller whose desired state tests set, and whose reports they wait for. */
function createTestController(desired: DesiredGuests | undefined) {
  let wake: () => void = () => undefined;
  let current = desired;
  const reports: GuestsReport[] = [];
  const uploads: [imageId: string, text: string][] = [];
  const api: Pick<ControllerApi, 'waitForGuests' | 'reportGuests' | 'uploadImage'> = {
    async uploadImage(_, imageId, data) {
      let text = '';
      for await (const chunk of data) text += String(chunk);
      uploads.push([imageId, text]);
    },
    async waitForGuests(_, since, signal) {
      if (current === undefined) throw new Error('no controller');
      if (current.revision !== since) return current;
      await new Promise<void>((resolve) => {
        wake = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      return current.revision === since ? null : current;
    },
    async reportGuests(_, report) {
      reports.push(report);
    },
  };
  return {
    api,
    reports,
    uploads,
    set(next: DesiredGuests) {
      current = next;
      wake();
    },
    /** Waits until the newest report says this of the guest, at most 5 s. */
    async until(id: string, expected: Partial<ObservedGuest> | undefined): Promise<void> {
      const end = Date.now() + 5_000;
      for (;;) {
        const report = reports.at(-1);
        const seen = report?.guests.find((guest) => guest.id === id);
        if (report?.revision === current?.revision) {
          if (expected === undefined && seen === undefined) return;
          if (expected !== undefined && seen !== undefined && matches(seen, expected)) return;
        }
        if (Date.now() > end) throw new Error(`still ${JSON.stringify(seen)}, not ${JSON.stringify(expected)}`);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    },
  };
}

function matches(seen: ObservedGuest, expected: Partial<ObservedGuest>): boolean {
  return Object.entries(expected).every(
    ([key, value]) => JSON.stringify(seen[key as keyof ObservedGuest]) === JSON.stringify(value),
  );
}

describe('the compute agent', () => {
  let dataDir: string;
  let host: FakeHost;
  const running: AbortController[] = [];
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'pileus-compute-'));
    host = createFakeHost();
  });
  afterEach(async () => {
    for (const abort of running.splice(0)) abort.abort();
    await rm(dataDir, { recursive: true });
  });

  function start(
    controller: ReturnType<typeof createTestController>,
    onCall?: Parameters<typeof createFakeDriver>[0]['onCall'],
  ) {
    const abort = new AbortController();
    running.push(abort);
    const driver = createFakeDriver({
      clock: systemClock,
      host,
      shutDownMs: 5,
      bootMs: 5,
      ...(onCall === undefined ? {} : { onCall }),
    });
    const agent = createComputeAgent({
      driver,
      controller: controller.api,
      hostId: 'h',
      dataDir,
      clock: systemClock,
      log: silentLog,
    });
    const ended = agent.run(abort.signal);
    return {
      agent,
      async stop() {
        abort.abort();
        await ended;
      },
    };
  }

  it('takes a guest through its life as asked', async () => {
    const guest = sampleGuest();
    const controller = createTestController(desiredOf(1, guest));
    const { stop } = start(controller);
    await controller.until(ID, { power: 'running', powerSerial: 1 });
    const asks: Partial<DesiredGuest>[] = [
      { power: 'paused', powerSerial: 2 },
      { power: 'running', powerSerial: 3 },
      { power: 'suspended', powerSerial: 4 },
      { power: 'running', powerSerial: 5 },
      { power: 'running', powerSerial: 5, rebootSerial: 1 },
      { power: 'stopped', powerSerial: 6, rebootSerial: 1 },
    ];
    for (const [i, ask] of asks.entries()) {
      controller.set(desiredOf(i + 2, { ...guest, ...ask }));
      await controller.until(ID, {
        ...(ask.power === undefined ? {} : { power: ask.power }),
        powerSerial: ask.powerSerial ?? 0,
        rebootSerial: ask.rebootSerial ?? 0,
      });
    }
    controller.set(desiredOf(10));
    await controller.until(ID, undefined);
    expect([host.guests.size, host.disks.size]).toEqual([0, 0]);
    await stop();
  });

  it('uploads a snapshot that is wanted, again until it no longer is, and then forgets it', async () => {
    const imageId = 'aaaaaaaa-2222-4333-8444-555555555555';
    const controller = createTestController(desiredOf(1, sampleGuest({ snapshots: [{ imageId, disk: 'root' }] })));
    const first = start(controller);
    await controller.until(ID, { snapshots: [{ imageId, isMade: true }] });
    await waitFor(() => controller.uploads.length > 0);
    await first.stop();
    const before = controller.uploads.length;
    const second = start(controller);
    await waitFor(() => controller.uploads.length > before);
    controller.set(desiredOf(2, sampleGuest()));
    await waitFor(() => host.guests.get(ID)?.snapshots.size === 0);
    expect(new Set(controller.uploads.map(([id, text]) => `${id} ${text.slice(0, 3)}`))).toEqual(
      new Set([`${imageId} QFI`]),
    );
    await second.stop();
  });

  it('leaves a guest alone that stopped by itself until its start is asked for', async () => {
    const controller = createTestController(desiredOf(1, sampleGuest()));
    const { stop } = start(controller);
    await controller.until(ID, { power: 'running', powerSerial: 1 });
    stopFakeGuest(host, ID);
    await controller.until(ID, { power: 'stopped', powerSerial: 1 });
    controller.set(desiredOf(2, sampleGuest({ powerSerial: 2 })));
    await controller.until(ID, { power: 'running', powerSerial: 2 });
    await stop();
  });

  it('brings guests back after a crash of the host with no controller in reach', async () => {
    const controller = createTestController(desiredOf(1, sampleGuest()));
    const first = start(controller);
    await controller.until(ID, { power: 'running', powerSerial: 1 });
    await first.stop();
    crashFakeHost(host, 'second');
    const second = start(createTestController(undefined));
    await waitFor(() => host.guests.get(ID)?.power === 'running' && host.guests.get(ID)?.marks.session === 'second');
    await second.stop();
  });

  it('starts a guest as soon as its tap is there', async () => {
    host.devices = new Set();
    const controller = createTestController(desiredOf(1, sampleGuest({ interfaces: [samplePort(1)] })));
    const { stop } = start(controller);
    await waitFor(() => controller.reports.at(-1)?.guests[0]?.problem?.code === 'guest.tap.missing');
    host.devices.add(samplePort(1).deviceName);
    await controller.until(ID, { power: 'running', portIds: [samplePort(1).portId] });
    await stop();
  });

  it('reports why a guest fails, how often it was tried, and recovers', async () => {
    let isBroken = true;
    const controller = createTestController(desiredOf(1, sampleGuest()));
    const { stop } = start(controller, (call) => {
      if (call === 'start' && isBroken) throw new Error('no memory');
    });
    await waitFor(() => controller.reports.at(-1)?.guests[0]?.problem?.attempts === 1);
    expect(controller.reports.at(-1)?.guests[0]).toMatchObject({
      power: 'stopped',
      powerSerial: 0,
      problem: { message: 'no memory' },
    });
    isBroken = false;
    await controller.until(ID, { power: 'running', powerSerial: 1 });
    expect(controller.reports.at(-1)?.guests[0]?.problem).toBeUndefined();
    await stop();
  });

  it('answers what the controller asks about a guest, and 404 for one that is absent', async () => {
    const controller = createTestController(desiredOf(1, sampleGuest()));
    const { agent, stop } = start(controller);
    await controller.until(ID, { power: 'running', powerSerial: 1 });
    await waitFor(async () => (await agent.api.consoleOutput(ID, 10_000)).toString().includes('sample login:'));
    expect(await agent.api.consoleOutput(ID, 8)).toHaveLength(8);
    expect(await agent.api.diagnostics(ID)).toMatchObject({ memoryMib: 128 });
    await expect(agent.api.openVnc('99999999-2222-4333-8444-555555555555')).rejects.toMatchObject({
      status: 404,
      code: 'agent.guest.absent',
    });
    await stop();
  });
});

async function waitFor(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 5_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error('the condition did not come true within 5 s');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
