/**
 * The laboratory's stories, short: fixed seeds, one that is new with each commit, and deliberate mistakes that must be seen.
 * Each runs in a process of its own, because the laboratory takes time, chance and files away from the whole process.
 *
 * PILEUS_SIM_SEED=… tells one story again. Long runs: `node tests/sim/run.ts --seeds 50 --hours 24`.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { seedOfTheCommit } from '../support/commit-seed.ts';
import { MUTANTS } from './mutants.ts';

const RUN = fileURLToPath(new URL('run.ts', import.meta.url));
const CHOSEN = process.env['PILEUS_SIM_SEED'];
const MINUTE_MS = 60_000;

interface Told {
  readonly exitCode: number | null;
  readonly text: string;
}

function tell(...args: readonly string[]): Promise<Told> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [RUN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
    child.once('error', reject);
    child.once('exit', (exitCode) => resolve({ exitCode, text }));
  });
}

/** Fails with the whole story when it did not end well. */
function expectGood({ exitCode, text }: Told): void {
  if (exitCode !== 0) throw new Error(text);
}

describe.concurrent('the laboratory', () => {
  it.skipIf(CHOSEN !== undefined)(
    'tells fixed stories in which everything holds',
    async () => expectGood(await tell('--first', '1', '--seeds', '2', '--hours', '3')),
    15 * MINUTE_MS,
  );

  it.skipIf(CHOSEN !== undefined)(
    'tells a story twice in the same way, to the last statement',
    async () => {
      const told = await tell('--first', '203', '--seeds', '2', '--hours', '0.2', '--calm', '0.02', '--twice');
      expectGood(told);
      expect(told.text.match(/the same when run again/g)).toHaveLength(2);
    },
    10 * MINUTE_MS,
  );

  const seed = CHOSEN ?? String(seedOfTheCommit());
  it(
    `tells story ${seed}, in which everything holds`,
    async () => {
      console.log(`PILEUS_SIM_SEED=${seed} tells it again`);
      expectGood(await tell('--first', seed, '--hours', '0.5', '--calm', '0.02'));
    },
    10 * MINUTE_MS,
  );
});

describe.concurrent('the laboratory sees a deliberate mistake', () => {
  const short = ['--seeds', '8', '--hours', '0.3', '--calm', '0.02', '--shorten', '0', '--bail'];
  it.each(Object.entries(MUTANTS))(
    '%s',
    async (name, { seed, seenBy }) => {
      const { exitCode, text } = await tell('--mutant', name, '--first', String(seed), ...short);
      expect([exitCode, text]).toEqual([1, expect.stringContaining(`broken: ${seenBy}`)]);
    },
    10 * MINUTE_MS,
  );
});
