/** Notes every SQL statement that tests have the program run, for `tools/query-plans.ts`. */
import { subscribe } from 'node:diagnostics_channel';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

const folder = fileURLToPath(new URL('../../.pileus/test/statements', import.meta.url));
const seen = new Set<string>();

subscribe('pileus:sql:prepared', (sql) => void seen.add(String(sql)));

afterAll(() => {
  if (seen.size === 0) return;
  mkdirSync(folder, { recursive: true });
  const name = `${process.pid}-${process.env['VITEST_WORKER_ID'] ?? '0'}-${Date.now()}.json`;
  writeFileSync(join(folder, name), JSON.stringify([...seen]));
});
