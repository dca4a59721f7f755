import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DesiredGuest } from '#protocol/guests.ts';
import { sampleGuest, samplePort } from '#tests/support/guest-samples.ts';
import type { ComputeDriver, GuestActual, GuestMarks } from '../../src/agents/compute/drivers/contract.ts';

const ID = '6fbc4f1e-7a1d-4d5c-9d4e-0b1f3a5c7e91';
const ABSENT = '99999999-2222-4333-8444-555555555555';
const MARKS: GuestMarks = { powerSerial: 3, rebootSerial: 2, rebootingSerial: 2, session: "it's <here>" };

/** A host for the suite; the guest's two taps exist on it. */
export interface DriverUnderTest {
  readonly driver: ComputeDriver;
  readonly taps: readonly [string, string];
  close(): Promise<void>;
}

/** What every compute driver must do, whatever it drives. The guest has no system: it stays in its firmware. */
export function describeComputeDriver(name: string, open: () => Promise<DriverUnderTest>): void {
  describe(`a compute driver: ${name}`, () => {
    let host: DriverUnderTest;
    let driver: ComputeDriver;
    let guest: DesiredGuest;
    const signal = new AbortController().signal;
    beforeAll(async () => {
      host = await open();
      driver = host.driver;
      guest = sampleGuest({
        id: ID,
        name: "a 'guest' & <more>\n",
        memoryMib: 32,
        disks: [{ name: 'root', source: { type: 'blank' }, sizeGib: 1, bus: 'virtio', device: 'disk', bootIndex: 0 }],
        interfaces: [samplePort(1, { deviceName: host.taps[0] })],
      });
    });
    afterAll(async () => {
      await driver.remove(ID, signal);
      await host.close();
    });

    async function seen(): Promise<GuestActual | undefined> {
      return (await driver.observe(signal)).guests.find(({ id }) => id === ID);
    }

    it('sees no guest on a new host, and the same session each time', async () => {
      const first = await driver.observe(signal);
      expect([first.guests, first.remains]).toEqual([[], []]);
      expect((await driver.observe(signal)).session).toBe(first.session);
    });

    it('shows disks without a guest as remains, however often they are prepared', async () => {
      await driver.prepareDisks(guest, signal);
      await driver.prepareDisks(guest, signal);
      expect((await driver.observe(signal)).remains).toEqual([ID]);
    });

    it('defines a guest that is off, with marks and interfaces as they are', async () => {
      await driver.define(guest, MARKS, signal);
      await driver.define(guest, MARKS, signal);
      const interfaces = [{ portId: samplePort(1).portId, deviceName: host.taps[0] }];
      expect(await seen()).toEqual({ id: ID, power: 'stopped', marks: MARKS, interfaces });
      expect((await driver.observe(signal)).remains).toEqual([]);
    });

    it('refuses what a guest that is off cannot give', async () => {
      expect(await driver.consoleOutput(ID, 100)).toHaveLength(0);
      await expect(driver.openVnc(ID)).rejects.toMatchObject({ code: 'guest.not_running' });
      await expect(driver.diagnostics(ID)).rejects.toMatchObject({ code: 'guest.not_running' });
      await expect(driver.setPassword(ID, 'root', 'secret')).rejects.toMatchObject({ code: 'guest.not_running' });
      await expect(driver.consoleOutput(ABSENT, 100)).rejects.toMatchObject({ code: 'guest.absent' });
      await expect(driver.start(ABSENT, { isPaused: false }, signal)).rejects.toMatchObject({ code: 'guest.absent' });
    });

    it('plugs interfaces in and out of a guest that is off', async () => {
      const second = samplePort(2, { deviceName: host.taps[1] });
      await driver.attachInterface(ID, second, signal);
      await driver.attachInterface(ID, second, signal);
      expect((await seen())?.interfaces.map((port) => port.portId)).toEqual([samplePort(1).portId, second.portId]);
      await driver.detachInterface(ID, second.portId, signal);
      await driver.detachInterface(ID, second.portId, signal);
      expect((await seen())?.interfaces.map((port) => port.portId)).toEqual([samplePort(1).portId]);
    });

    it('starts, pauses and resumes, each however often', async () => {
      await driver.start(ID, { isPaused: true }, signal);
      expect((await seen())?.power).toBe('paused');
      for (const [act, power] of [
        [driver.resume, 'running'],
        [driver.pause, 'paused'],
        [driver.resume, 'running'],
      ] as const) {
        await act(ID, signal);
        await act(ID, signal);
        expect((await seen())?.power).toBe(power);
      }
      await driver.start(ID, { isPaused: false }, signal);
      expect((await seen())?.power).toBe('running');
    });

    it('replaces the marks of a running guest, for good', async () => {
      await driver.mark(ID, { ...MARKS, powerSerial: 4 }, signal);
      expect((await seen())?.marks).toEqual({ ...MARKS, powerSerial: 4 });
      await driver.powerOff(ID, signal);
      expect(await seen()).toMatchObject({ power: 'stopped', marks: { ...MARKS, powerSerial: 4 } });
      await driver.start(ID, { isPaused: false }, signal);
    });

    it('shows its screen and counters', async () => {
      const vnc = await driver.openVnc(ID);
      const [hello] = (await once(vnc, 'data')) as [Buffer];
      expect(hello.toString('latin1')).toBe('RFB 003.008\n');
      vnc.destroy();
      const diagnostics = await driver.diagnostics(ID);
      expect([diagnostics.memoryMib, diagnostics.cpus.length, diagnostics.nics[0]?.macAddress]).toEqual([
        32,
        1,
        samplePort(1).macAddress,
      ]);
    });

    it('copies a disk of a guest that is up, and of one that is off, however often, until the copy is removed', async () => {
      const [up, off] = ['1', '2'].map((n) => `aaaaaaa${n}-2222-4333-8444-555555555555`) as [string, string];
      const ids = async (): Promise<unknown> => (await seen())?.snapshots ?? [];
      await driver.makeSnapshot(ID, { imageId: up, disk: 'root' }, signal);
      await driver.makeSnapshot(ID, { imageId: up, disk: 'root' }, signal);
      expect((await seen())?.power).toBe('running');
      await driver.powerOff(ID, signal);
      await driver.makeSnapshot(ID, { imageId: off, disk: 'root' }, signal);
      expect(await ids()).toEqual([
        { imageId: up, isWhole: true },
        { imageId: off, isWhole: true },
      ]);
      for (const imageId of [up, off]) {
        const head = (await (await driver.openSnapshot(ID, imageId)).take(1).toArray()) as [Buffer];
        expect(head[0].subarray(0, 4).toString('latin1')).toBe('QFI\xfb');
        await driver.removeSnapshot(ID, imageId, signal);
        await driver.removeSnapshot(ID, imageId, signal);
      }
      expect(await ids()).toEqual([]);
      await expect(driver.openSnapshot(ID, up)).rejects.toMatchObject({ code: 'guest.snapshot.missing' });
      await expect(driver.makeSnapshot(ABSENT, { imageId: up, disk: 'root' }, signal)).rejects.toMatchObject({
        code: 'guest.absent',
      });
      await driver.start(ID, { isPaused: false }, signal);
    });

    it('suspends and wakes, and a suspended guest can be switched off', async () => {
      await driver.suspend(ID, signal);
      await driver.suspend(ID, signal);
      expect((await seen())?.power).toBe('suspended');
      await driver.start(ID, { isPaused: false }, signal);
      expect((await seen())?.power).toBe('running');
      await driver.suspend(ID, signal);
      await driver.powerOff(ID, signal);
      expect((await seen())?.power).toBe('stopped');
    });

    it('takes the power of a guest that does not shut down in time', async () => {
      await driver.start(ID, { isPaused: false }, signal);
      await driver.shutDown(ID, 300, signal);
      await driver.shutDown(ID, 300, signal);
      expect((await seen())?.power).toBe('stopped');
    });

    it('tells what the host has', async () => {
      const facts = await driver.facts(signal);
      expect(facts.vcpus).toBeGreaterThan(0);
      expect(facts.memoryMib).toBeGreaterThan(0);
      expect(facts.traits).toContain('COMPUTE_NODE');
    });

    it('removes a running guest with all of it, however often', async () => {
      await driver.start(ID, { isPaused: false }, signal);
      await driver.remove(ID, signal);
      await driver.remove(ID, signal);
      const after = await driver.observe(signal);
      expect([after.guests, after.remains]).toEqual([[], []]);
    });
  });
}
