import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '#kernel/clock.ts';
import { silentLog } from '#kernel/log.ts';
import { followDesired, NOTHING_SEEN, type Revised } from './desired.ts';

interface Wanted extends Revised {
  readonly things: readonly string[];
}

describe('desired state', () => {
  let folder: string;
  let file: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pileus-desired-'));
    file = join(folder, 'guests.json');
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** Follows until `answers` are used up; returns what was asked and told. */
  async function follow(answers: (Wanted | null | Error)[], clock = new ManualClock()) {
    const abort = new AbortController();
    const asked: number[] = [];
    const told: Wanted[] = [];
    const running = followDesired<Wanted>(
      {
        file,
        clock,
        log: silentLog,
        onDesired: (desired) => told.push(desired),
        wait: async (since) => {
          asked.push(since);
          const answer = answers.shift();
          if (answer === undefined) abort.abort();
          if (answer instanceof Error) throw answer;
          return answer ?? null;
        },
      },
      abort.signal,
    );
    return { running, asked, told };
  }

  it('asks from the beginning at start and from the newest revision afterwards', async () => {
    const { running, asked } = await follow([{ revision: 7, things: ['a'] }, null, { revision: 8, things: [] }]);
    await running;
    expect(asked).toEqual([NOTHING_SEEN, 7, 7, 8]);
  });

  it('is known after a restart without a controller', async () => {
    await (await follow([{ revision: 7, things: ['a'] }])).running;
    const again = await follow([]);
    await again.running;
    expect(again.told).toEqual([{ revision: 7, things: ['a'] }]);
  });

  it('is not taken from a controller that has lost its memory, until somebody removes what the host knows', async () => {
    await (await follow([{ revision: 7, things: ['a'] }])).running;
    const clock = new ManualClock();
    const forgetful = await follow([{ revision: 0, things: [] }], clock);
    let isOver = false;
    void forgetful.running.then(() => (isOver = true));
    while (!isOver) await clock.advance(1_000);
    expect(forgetful.told).toEqual([{ revision: 7, things: ['a'] }]);
    await rm(file);
    const decided = await follow([{ revision: 0, things: [] }]);
    await decided.running;
    expect(decided.told).toEqual([{ revision: 0, things: [] }]);
  });

  it('can be read by its owner only', async () => {
    await (await follow([{ revision: 1, things: [] }])).running;
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it.each(['', '{"revision":', 'null', '{"things":[]}'])('is not made up from the damaged file %j', async (text) => {
    await writeFile(file, text);
    const { running, told } = await follow([]);
    await running;
    expect(told).toEqual([]);
  });

  it('leaves nothing half written by a killed agent on the disk', async () => {
    await writeFile(`${file}.0123456789ab.tmp`, '{"revis');
    await writeFile(`${folder}/other.json.0123456789ab.tmp`, '');
    await (await follow([{ revision: 7, things: [] }])).running;
    expect((await readdir(folder)).toSorted()).toEqual(['guests.json', 'other.json.0123456789ab.tmp']);
  });

  it('is asked for again, with growing waits, when the controller is away', async () => {
    const clock = new ManualClock();
    const { running, asked } = await follow(
      [new Error('refused'), new Error('refused'), { revision: 1, things: [] }],
      clock,
    );
    await until(() => asked.length === 1);
    await clock.advance(500);
    await until(() => asked.length === 2);
    await clock.advance(999);
    expect(asked).toHaveLength(2);
    await clock.advance(1);
    await running;
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ revision: 1, things: [] });
  });
});

/** Waits for a condition, at most 5 s. */
async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 5_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error('the condition did not come true within 5 s');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
