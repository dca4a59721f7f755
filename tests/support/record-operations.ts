/**
 * Keeps which operations answer below 400 while unit tests run, but for those by chance.
 * @see tools/api-coverage.ts
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect } from 'vitest';
import { watchOperations } from './watch-operations.ts';

const folder = fileURLToPath(new URL('../../.pileus/test/operations', import.meta.url));
const seen = watchOperations();

/** Tests that send what chance gives them: an answer says nothing of whether the operation did what it should. */
const BY_CHANCE = /hostile/;

afterAll(() => {
  if (seen.size === 0 || BY_CHANCE.test(expect.getState().testPath ?? '')) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, `${process.pid}-${process.env['VITEST_WORKER_ID'] ?? '0'}-${Date.now()}.txt`),
    [...seen].map((operation) => `${operation}\n`).join(''),
  );
});
