import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { XdrReader, XdrWriter } from './xdr.ts';

describe('XDR', () => {
  it('reads back whatever was written', () => {
    const item = fc.record({
      i: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      s: fc.string({ unit: 'grapheme' }),
      o: fc.option(fc.string(), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(item), (items) => {
        const writer = new XdrWriter().uint(items.length);
        for (const { i, s, o } of items) writer.int(i).string(s).optionalString(o);
        const reader = new XdrReader(writer.bytes());
        const read = reader.list(() => ({
          i: reader.int(),
          s: reader.string(),
          o: reader.optional(() => reader.string()),
        }));
        expect(read).toEqual(items);
      }),
    );
  });

  it('pads strings to four bytes', () => {
    expect(new XdrWriter().string('abcde').bytes().toString('hex')).toBe('000000056162636465000000');
  });

  it('refuses a message that ends too early', () => {
    expect(() => new XdrReader(Buffer.from('0000000861626364', 'hex')).string()).toThrow('ends too early');
  });

  it.each(['7fffffff', 'ffffffff'])('refuses a string and a list of the absurd length %s', (length) => {
    expect(() => new XdrReader(Buffer.from(length, 'hex')).string()).toThrow('libvirt sent a string');
    expect(() => new XdrReader(Buffer.from(length, 'hex')).list(() => 0)).toThrow('libvirt sent a list');
  });
});
