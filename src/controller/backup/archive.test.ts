import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeArchive } from './archive.ts';

it('An archive takes no file that a link leads to', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pileus-archive-'));
  try {
    writeFileSync(join(folder, 'secret'), 'of somebody else');
    symlinkSync(join(folder, 'secret'), join(folder, 'link'));
    const written = writeArchive(join(folder, 'archive'), async (archive) => {
      await archive.addFile('controller/link', join(folder, 'link'));
      throw new Error('the link was followed');
    });
    await expect(written).rejects.toMatchObject({ code: 'ELOOP' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
