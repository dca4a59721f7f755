import { describe, expect, it } from 'vitest';
import { ManualClock } from '#kernel/clock.ts';
import { createPace } from './pace.ts';

const never = new AbortController().signal;

describe('a pace', () => {
  it('rests after each work as long as its share of the time wants', async () => {
    const clock = new ManualClock();
    const pace = createPace(clock, 0.25);
    const startedMs: number[] = [];
    const work = async (): Promise<void> => {
      startedMs.push(clock.monotonicMs());
      await clock.sleep(10);
    };
    const all = Promise.all([pace.run(work, never), pace.run(work, never), pace.run(work, never)]);
    await clock.advance(200);
    await all;
    expect(startedMs.map((ms) => ms - (startedMs[0] ?? 0))).toEqual([0, 40, 80]);
  });

  it('goes on after a work that fails, and tells whoever asked for it', async () => {
    const pace = createPace(new ManualClock(), 0.5);
    const bad = pace.run(() => Promise.reject(new Error('no')), never);
    await expect(bad).rejects.toThrow('no');
    await expect(pace.run(async () => 'yes', never)).resolves.toBe('yes');
  });

  it('leaves out what nobody waits for any more', async () => {
    const gone = AbortSignal.abort();
    let runs = 0;
    const pace = createPace(new ManualClock(), 0.5);
    const result = await pace.run(async () => (runs += 1), gone);
    expect([result, runs]).toEqual([null, 0]);
  });
});
