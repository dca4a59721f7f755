import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfigFile } from './config-file.ts';

const KNOWN = { identity: { lockoutFailureAttempts: null, tokenLifetimeMs: 3_600_000 } };

function read(text: string): unknown {
  const dir = mkdtempSync(join(tmpdir(), 'config-'));
  writeFileSync(join(dir, 'pileus.yaml'), text);
  return readConfigFile(dir, KNOWN);
}

describe('pileus.yaml', () => {
  it('sets options under their snake_case names', () => {
    expect(read('identity:\n  lockout_failure_attempts: 2\n')).toEqual({ identity: { lockoutFailureAttempts: 2 } });
  });

  it('may be absent or empty', () => {
    expect([readConfigFile('/nonexistent', KNOWN), read('')]).toEqual([{}, {}]);
  });

  it.each([
    ['nova: {}', 'there is no section nova; there are identity'],
    ['identity: { lockout: 2 }', 'section identity has no option lockout'],
    ['identity: { token_lifetime_ms: "1h" }', 'identity.token_lifetime_ms must be a number'],
    ['- a', 'the file is not a mapping'],
    ['a: [', 'pileus.yaml: '],
  ])('tells what is wrong in %j', (text, message) => {
    expect(() => read(text)).toThrow(message);
  });
});
