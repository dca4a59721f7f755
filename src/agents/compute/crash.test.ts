import type { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '#kernel/clock.ts';
import type { DesiredGuest, PowerState } from '#protocol/guests.ts';
import { desiredOf, sampleGuest, samplePort } from '#tests/support/guest-samples.ts';
import { applyStep } from './apply.ts';
import { createFakeDriver, createFakeHost, type FakeHost } from './drivers/fake/driver.ts';
import { planCompute } from './plan.ts';

class Crash extends Error {}

/**
 * Reconciles until nothing is left to do. The agent is killed at its `crashAt`-th driver call (before or after its effect)
 * and started anew, with nothing but the host and the desired state to go by.
 */
async function converge(
  host: FakeHost,
  guest: DesiredGuest,
  crashAt: number,
  when: 'before' | 'after',
  upload: (data: Readable) => Promise<DesiredGuest> = async () => guest,
): Promise<void> {
  let want = guest;
  const uploadImage = async (_: string, data: Readable): Promise<void> => {
    want = await upload(data);
  };
  let calls = 0;
  const clock = new ManualClock();
  const driver = createFakeDriver({
    clock,
    host,
    shutDownMs: 0,
    onCall(_call, _guestId, at) {
      if (at === when) {
        calls += 1;
        if (calls === crashAt) throw new Crash();
      }
    },
  });
  const signal = new AbortController().signal;
  for (let pass = 0; pass < 20; pass += 1) {
    try {
      const steps = planCompute(desiredOf(1, want), await driver.observe(signal));
      if (steps.length === 0) return;
      for (const step of steps) {
        const applied = applyStep({ driver, shutDownGraceMs: 0, uploadImage }, step, signal);
        await Promise.all([applied, clock.advance(1)]);
      }
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
    }
  }
  throw new Error('it does not settle');
}

/** Brings a fresh host's guest into a state. */
async function hostWith(power: PowerState, guest: DesiredGuest): Promise<FakeHost> {
  const host = createFakeHost();
  const start = { ...guest, power: 'running' as const, powerSerial: 1, rebootSerial: 0 };
  await converge(host, start, 0, 'before');
  if (power !== 'running') await converge(host, { ...start, power, powerSerial: 2 }, 0, 'before');
  return host;
}

const powers = ['running', 'paused', 'stopped', 'suspended'] as const;

describe('an agent that is killed between any two of its steps', () => {
  it('brings the guest about all the same, whatever was asked for', async () => {
    const scenario = fc.record({
      from: fc.constantFrom(...powers),
      to: fc.constantFrom(...powers),
      crashAt: fc.integer({ min: 1, max: 12 }),
      when: fc.constantFrom('before' as const, 'after' as const),
      ports: fc.subarray([1, 2, 3]),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ from, to, crashAt, when, ports }) => {
        const host = await hostWith(from, sampleGuest({ interfaces: [samplePort(1)] }));
        const want = sampleGuest({ power: to, powerSerial: 9, interfaces: ports.map((index) => samplePort(index)) });
        await converge(host, want, crashAt, when);
        const guest = host.guests.get(want.id);
        // memory that was never there cannot be saved: a stopped guest stays stopped
        expect(guest?.power).toBe(from === 'stopped' && to === 'suspended' ? 'stopped' : to);
        expect(guest?.marks.powerSerial).toBe(9);
      }),
      { numRuns: 300 },
    );
  });

  it.each(['soft', 'hard'] as const)('carries a %s reboot out once and no more', async (rebootType) => {
    for (const when of ['before', 'after'] as const) {
      for (let crashAt = 1; crashAt <= 8; crashAt += 1) {
        const host = await hostWith('running', sampleGuest());
        await converge(host, sampleGuest({ rebootSerial: 1, rebootType }), crashAt, when);
        expect(host.guests.get(sampleGuest().id)?.bootsMs, `crash ${when} call ${crashAt}`).toHaveLength(1);
        expect(host.guests.get(sampleGuest().id)).toMatchObject({ power: 'running', marks: { rebootSerial: 1 } });
      }
    }
  });

  it('makes a snapshot whole whenever it is killed, and leaves nothing of one that is no longer wanted', async () => {
    const imageId = 'aaaaaaaa-2222-4333-8444-555555555555';
    for (const when of ['before', 'after'] as const) {
      for (let crashAt = 1; crashAt <= 8; crashAt += 1) {
        const host = await hostWith('running', sampleGuest());
        const want = sampleGuest({ snapshots: [{ imageId, disk: 'root' }] });
        let uploads = 0;
        await converge(host, want, crashAt, when, async (data) => {
          expect((await data.take(1).toArray())[0]?.subarray(0, 3).toString('latin1')).toBe('QFI');
          uploads += 1;
          return uploads > 1 ? sampleGuest() : want;
        });
        expect([uploads, host.guests.get(want.id)?.snapshots.size]).toEqual([2, 0]);
      }
    }
  });

  it('builds a new guest once and leaves nothing of a removed one', async () => {
    for (const when of ['before', 'after'] as const) {
      for (let crashAt = 1; crashAt <= 8; crashAt += 1) {
        const host = createFakeHost();
        await converge(host, sampleGuest(), crashAt, when);
        expect(host.guests.get(sampleGuest().id)).toMatchObject({
          power: 'running',
          bootsMs: [],
          marks: { powerSerial: 1 },
        });
        const other = sampleGuest({ id: '22222222-2222-4333-8444-555555555555' });
        await converge(host, other, crashAt, when);
        expect([...host.guests.keys(), ...host.disks]).toEqual([other.id, other.id]);
      }
    }
  });
});
