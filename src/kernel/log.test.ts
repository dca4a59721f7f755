import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const LOG = fileURLToPath(new URL('./log.ts', import.meta.url));

describe('the log', () => {
  it('does not end the program when the disk is full', async () => {
    const program = `
      import { stat } from 'node:fs/promises';
      import { openLog } from ${JSON.stringify(LOG)};
      const log = openLog({ level: 'info', file: '/dev/full' });
      for (let line = 0; line < 50; line++) {
        log.info({ line }, 'there is no room for this');
        await stat('/dev/full');
      }
      process.stdout.write('goes on', () => process.kill(process.pid, 'SIGKILL'));
    `;
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program]);
    const { stdout } = await run.catch((error: { readonly stdout: string }) => error);
    expect(stdout).toBe('goes on');
  });
});
