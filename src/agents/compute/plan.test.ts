import { describe, expect, it } from 'vitest';
import type { DesiredGuest, DesiredGuests } from '#protocol/guests.ts';
import { desiredOf, sampleGuest, samplePort } from '#tests/support/guest-samples.ts';
import type { ComputeActual, GuestActual, GuestMarks, GuestPower } from './drivers/contract.ts';
import { planCompute } from './plan.ts';
import { reportCompute } from './report.ts';

const GUEST = sampleGuest();
const DONE: GuestMarks = { powerSerial: 1, rebootSerial: 0, rebootingSerial: 0, session: 'now' };

function host(
  power: GuestPower | 'absent',
  marks: Partial<GuestMarks> = {},
  change: Partial<ComputeActual> = {},
): ComputeActual {
  const guest = { id: GUEST.id, marks: { ...DONE, ...marks }, interfaces: [] };
  const guests: GuestActual[] = power === 'absent' ? [] : [{ ...guest, power }];
  return { guests, remains: [], strangers: [], session: 'now', devices: { has: () => true }, ...change };
}

/** The actions planned for one guest. */
function actions(want: Partial<DesiredGuest>, actual: ComputeActual): string[] {
  return planCompute(desiredOf(1, { ...GUEST, ...want }), actual).map((step) => step.action);
}

describe('the plan of a guest', () => {
  it.each([
    ['running', 'running', {}, []],
    ['running', 'absent', {}, ['prepare disks', 'define', 'start', 'mark']],
    ['stopped', 'absent', {}, ['prepare disks', 'define']],
    ['suspended', 'absent', {}, ['prepare disks', 'define']],
    // asked for
    ['running', 'stopped', { powerSerial: 0 }, ['prepare disks', 'define', 'start', 'mark']],
    ['running', 'crashed', { powerSerial: 0 }, ['prepare disks', 'define', 'start', 'mark']],
    ['running', 'paused', { powerSerial: 0 }, ['resume', 'mark']],
    ['running', 'suspended', { powerSerial: 0 }, ['start', 'mark']],
    ['running', 'running', { powerSerial: 0 }, ['mark']],
    ['stopped', 'running', { powerSerial: 0 }, ['shut down', 'mark']],
    ['stopped', 'paused', { powerSerial: 0 }, ['power off', 'mark']],
    ['stopped', 'suspended', { powerSerial: 0 }, ['power off', 'mark']],
    ['stopped', 'stopped', { powerSerial: 0 }, ['mark']],
    ['paused', 'running', { powerSerial: 0 }, ['pause', 'mark']],
    ['paused', 'stopped', { powerSerial: 0 }, ['prepare disks', 'define', 'start', 'mark']],
    ['suspended', 'running', { powerSerial: 0 }, ['suspend', 'mark']],
    ['suspended', 'paused', { powerSerial: 0 }, ['suspend', 'mark']],
    // drift
    ['stopped', 'running', {}, ['shut down', 'mark']],
    ['paused', 'running', {}, ['pause']],
    ['running', 'paused', {}, []],
    ['running', 'suspended', {}, ['start']],
    ['suspended', 'suspended', { session: '' }, []],
    ['stopped', 'stopped', { session: '' }, []],
  ] as const)('that is to be %s and is %s with marks %j is %j', (power, actual, marks, expected) => {
    expect(actions({ power }, host(actual, marks))).toEqual(expected);
  });

  it('that a full disk has paused goes on once there is room, and not before', () => {
    const { guests, ...rest } = host('paused');
    const held = { ...rest, guests: guests.map((guest) => ({ ...guest, isHeldByDisk: true })) };
    expect(actions({}, { ...held, isDiskFull: true })).toEqual([]);
    expect(actions({}, held)).toEqual(['resume']);
    expect(actions({ power: 'paused' }, held)).toEqual([]);
  });

  it('makes, uploads and throws away snapshots, and has a power state that is asked for come first', () => {
    const imageId = 'aaaaaaaa-2222-4333-8444-555555555555';
    const snapshots = [{ imageId, disk: 'root' }];
    const having = (isWhole: boolean): ComputeActual => {
      const { guests, ...rest } = host('running');
      return { ...rest, guests: guests.map((guest) => ({ ...guest, snapshots: [{ imageId, isWhole }] })) };
    };
    expect(actions({ snapshots }, host('running'))).toEqual(['make snapshot']);
    expect(actions({ snapshots }, having(false))).toEqual(['make snapshot']);
    expect(actions({ snapshots }, having(true))).toEqual(['upload snapshot']);
    expect(actions({}, having(true))).toEqual(['remove snapshot']);
    expect(actions({}, having(false))).toEqual(['remove snapshot']);
    expect(actions({ snapshots, power: 'stopped', powerSerial: 2 }, host('running'))).toEqual(['shut down', 'mark']);
    expect(actions({ snapshots: [{ imageId: '../x', disk: 'root' }] }, host('running'))).toEqual([]);
    expect(actions({ snapshots: [{ imageId, disk: '../x' }] }, host('running'))).toEqual([]);
  });

  it('leaves one alone that stopped by itself, and remembers that it did', () => {
    expect(actions({}, host('stopped'))).toEqual(['mark']);
    expect(actions({}, host('stopped', { session: '' }))).toEqual([]);
  });

  it('starts one again that the host took down', () => {
    expect(actions({}, host('stopped', { session: 'before' }))).toEqual(['prepare disks', 'define', 'start', 'mark']);
  });

  it('tells of a guest that went down with its host that its power is due, and of one that stopped by itself that it is not', () => {
    const serial = (session: string): number | undefined =>
      reportCompute(desiredOf(1, GUEST), host('stopped', { session }), new Map()).guests[0]?.powerSerial;
    expect([serial('before'), serial('now'), serial('')]).toEqual([0, 1, 1]);
  });

  it('does not start one after the host went down that had stopped by itself before', () => {
    expect(actions({}, host('stopped', { session: '' }, { session: 'later' }))).toEqual([]);
  });

  it.each([
    ['soft', 'running', 'shut down'],
    ['hard', 'running', 'power off'],
    ['hard', 'paused', 'power off'],
    ['hard', 'suspended', 'power off'],
  ] as const)('of a %s reboot of one that is %s begins with: %s', (rebootType, power, first) => {
    expect(actions({ rebootType, rebootSerial: 1 }, host(power))).toEqual([
      first,
      'prepare disks',
      'define',
      'start',
      'mark',
    ]);
  });

  it('goes on with a reboot whose switching-off is done', () => {
    expect(actions({ rebootSerial: 1 }, host('stopped', { rebootingSerial: 1 }))).toEqual([
      'prepare disks',
      'define',
      'start',
      'mark',
    ]);
  });

  it('only marks a reboot whose start is done', () => {
    expect(actions({ rebootSerial: 1 }, host('running', { rebootingSerial: 1 }))).toEqual(['mark']);
  });

  it('waits for taps before it starts or turns off anything', () => {
    const want = { interfaces: [samplePort(1)] };
    const noTaps = { devices: new Set<string>() };
    expect(actions(want, host('absent', {}, noTaps))).toEqual([]);
    const report = reportCompute(desiredOf(1, { ...GUEST, ...want }), host('absent', {}, noTaps), new Map());
    expect(report.guests[0]).toMatchObject({ power: 'absent', problem: { code: 'guest.tap.missing' } });
  });

  it('plugs and unplugs interfaces of a running guest, once their taps are there', () => {
    const have = host('running', {}, { devices: new Set([samplePort(2).deviceName]) });
    const plugged = { ...have, guests: have.guests.map((guest) => ({ ...guest, interfaces: [samplePort(1)] })) };
    const steps = planCompute(desiredOf(1, { ...GUEST, interfaces: [samplePort(2), samplePort(3)] }), plugged);
    expect(steps).toMatchObject([
      { action: 'detach interface', portId: samplePort(1).portId },
      { action: 'attach interface', port: { portId: samplePort(2).portId } },
    ]);
  });

  it('defines a stopped guest anew when its interfaces change', () => {
    expect(actions({ power: 'stopped', interfaces: [samplePort(1)] }, host('stopped', { session: '' }))).toEqual([
      'define',
    ]);
  });
});

describe('the plan of a host', () => {
  it('removes first what is not wanted, files without a guest included', () => {
    const actual = { ...host('running'), remains: ['99999999-2222-4333-8444-555555555555'] };
    const other = sampleGuest({ id: '22222222-2222-4333-8444-555555555555' });
    const steps = planCompute(desiredOf(1, other), actual);
    expect(steps.map((step) => [step.action, step.guestId.slice(0, 2)])).toEqual([
      ['remove', '11'],
      ['remove', '99'],
      ['prepare disks', '22'],
      ['define', '22'],
      ['start', '22'],
      ['mark', '22'],
    ]);
  });

  it('never touches strangers', () => {
    expect(planCompute(desiredOf(1), { ...host('absent'), strangers: ['mine', 'yours'] })).toEqual([]);
  });

  it.each([
    [{ id: '../../etc' }],
    [{ interfaces: [samplePort(1, { deviceName: 'tap/../x' })] }],
    [{ interfaces: [samplePort(1, { macAddress: "aa'/>" })] }],
    [
      {
        disks: [
          {
            name: '../root',
            source: { type: 'blank' as const },
            sizeGib: 1,
            bus: 'virtio' as const,
            device: 'disk' as const,
          },
        ],
      },
    ],
  ])('does nothing for a guest with an unsafe name: %j', (change) => {
    const desired: DesiredGuests = desiredOf(1, { ...GUEST, ...change });
    expect(planCompute(desired, host('absent'))).toEqual([]);
    expect(reportCompute(desired, host('absent'), new Map()).guests[0]?.problem?.code).toBe('guest.unsafe');
  });
});
