import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock, systemClock } from '../clock.ts';
import { claimInstance } from './instance.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pileus-instance-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const file = (): string => join(folder, 'instance.sqlite');

/** Another process that takes the folder and holds it until it is killed. */
const HOLDER = `
const { claimInstance } = await import(process.argv[1]);
const { systemClock } = await import(process.argv[2]);
const { id, incarnation } = await claimInstance(process.argv[3], systemClock);
console.log(JSON.stringify({ id, incarnation }));
setInterval(() => {}, 1000);
`;

describe('a data folder', () => {
  it('has the same id at each start, and counts the starts', async () => {
    const first = await claimInstance(file(), systemClock);
    first.release();
    const second = await claimInstance(file(), systemClock);
    second.release();
    expect([second.id, first.incarnation, second.incarnation]).toEqual([first.id, 1, 2]);
  });

  it('is refused to a second controller while the first lives', async () => {
    const first = await claimInstance(file(), systemClock);
    const clock = new ManualClock();
    const second = claimInstance(file(), clock).catch((error: unknown) => String(error));
    await clock.advance(60_000);
    expect(await second).toContain('another controller works in this folder');
    first.release();
  });

  it('is free as soon as the process that had it is killed', async () => {
    const modules = ['./instance.ts', '../clock.ts'].map((name) => fileURLToPath(new URL(name, import.meta.url)));
    const holder = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, ...modules, file()], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(holder.stdout, 'data')) as [Buffer];
    const held = JSON.parse(line.toString()) as { id: string; incarnation: number };
    const waiting = claimInstance(file(), systemClock);
    holder.kill('SIGKILL');
    const next = await waiting;
    next.release();
    expect([next.id, next.incarnation]).toEqual([held.id, held.incarnation + 1]);
  });

  it('that was copied is another one', async () => {
    const first = await claimInstance(file(), systemClock);
    first.release();
    const copy = join(folder, 'copy.sqlite');
    await cp(file(), copy);
    const second = await claimInstance(copy, systemClock);
    second.release();
    expect([second.id === first.id, second.incarnation]).toEqual([false, 1]);
  });
});
