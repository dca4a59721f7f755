import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
import { describeComputeDriver } from '#tests/support/compute-driver-contract.ts';
import { createFakeDriver } from './driver.ts';
import { openFakeVnc } from './rfb.ts';

describeComputeDriver('fake', async () => {
  const driver = createFakeDriver({ clock: systemClock, shutDownMs: 1_000_000 });
  return { driver, taps: ['tap1', 'tap2'], close: () => driver.close() };
});

describe("the fake guest's screen", () => {
  it('can be seen by a client that asks for it', async () => {
    const vnc = openFakeVnc('server one');
    const read = async (): Promise<Buffer> => (await once(vnc, 'data'))[0] as Buffer;
    expect((await read()).toString()).toBe('RFB 003.008\n');
    vnc.write('RFB 003.008\n');
    expect([...(await read())]).toEqual([1, 1]);
    vnc.write(Buffer.from([1]));
    expect([...(await read())]).toEqual([0, 0, 0, 0]);
    vnc.write(Buffer.from([1]));
    const init = await read();
    expect([init.readUInt16BE(0), init.readUInt16BE(2), init.subarray(24).toString()]).toEqual([
      320,
      200,
      'server one',
    ]);
    // encodings: raw; then a whole update
    vnc.write(Buffer.from([2, 0, 0, 1, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 1, 64, 0, 200]));
    let bytes = Buffer.alloc(0);
    while (bytes.length < 16 + 320 * 200 * 4) bytes = Buffer.concat([bytes, await read()]);
    expect(bytes.readUInt16BE(2)).toBe(1);
  });

  it('cuts off a client that talks nonsense', async () => {
    const vnc = openFakeVnc('x');
    vnc.resume();
    vnc.write('RFB 003.008\n\u0001\u0001');
    vnc.write(Buffer.from([99]));
    await once(vnc, 'close');
    expect(vnc.destroyed).toBe(true);
  });
});
