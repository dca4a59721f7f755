import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeControllerConfig } from './config.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pileus-fake-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the configuration of a fake cloud', () => {
  it('keeps passwords cheap to check when the file sets something else of identity', () => {
    writeFileSync(join(folder, 'pileus.yaml'), 'identity: { lockout_failure_attempts: 2 }');
    expect(fakeControllerConfig(folder).identity).toEqual({ bcryptRounds: 4, lockoutFailureAttempts: 2 });
  });

  it('lets the file say how passwords are hashed', () => {
    writeFileSync(join(folder, 'pileus.yaml'), 'identity: { bcrypt_rounds: 5 }');
    expect(fakeControllerConfig(folder).identity).toEqual({ bcryptRounds: 5 });
  });
});
