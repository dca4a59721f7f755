import { describe, expect, it } from 'vitest';
import { newFernetKey, openFernet, parseFernetKey, sealFernet } from './fernet.ts';

/** From the specification's own vectors. */
const KEY = parseFernetKey('cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=');
const TOKEN = 'gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==';

describe('Fernet', () => {
  it('opens what the specification sealed', () => {
    const opened = openFernet([KEY], TOKEN);
    expect(opened?.plain.toString()).toBe('hello');
    expect(opened?.sealedAtSeconds).toBe(499_162_800);
    expect(openFernet([KEY], TOKEN.replaceAll('=', ''))?.plain.toString()).toBe('hello');
  });

  it('opens what it sealed with any of its keys, and with no other', () => {
    const [a, b] = [parseFernetKey(newFernetKey()), parseFernetKey(newFernetKey())];
    const sealed = sealFernet(a, Buffer.from('text'), 1_000_999);
    expect(openFernet([b, a], sealed)).toEqual({ plain: Buffer.from('text'), sealedAtSeconds: 1_000 });
    expect(openFernet([b], sealed)).toBeUndefined();
  });

  it.each([
    '',
    'x',
    'gAAAA',
    `${TOKEN}!`,
    TOKEN.slice(0, -8),
    TOKEN.replace('gAAAAAAd', 'gAAAAAAe'),
    'A'.repeat(300_000),
  ])('does not open %.20s', (text) => {
    expect(openFernet([KEY], text)).toBeUndefined();
  });

  it('takes no key that is too short', () => {
    expect(() => parseFernetKey('AAAA')).toThrow('32 bytes');
  });
});
