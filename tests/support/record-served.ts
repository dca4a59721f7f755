/**
 * For `node --import`: a program that serves APIs leaves behind which operations it answered below 400, as a file in the folder
 * `PILEUS_RECORD_OPERATIONS`.
 * @see tests/conformance/run.ts
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { watchOperations } from './watch-operations.ts';

const folder = process.env['PILEUS_RECORD_OPERATIONS'];
if (folder !== undefined) {
  const seen = watchOperations();
  process.once('exit', () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${process.pid}.txt`), [...seen].toSorted().join('\n'));
  });
}
