import { describe, expect, it } from 'vitest';
import { ManualClock, systemClock } from '#kernel/clock.ts';
import { silentLog } from '#kernel/log.ts';
import { createLoop, type Reconciler, type Step } from './loop.ts';

describe('the reconcile loop', () => {
  it('does not plan upon an observation during which a step ended', async () => {
    const abort = new AbortController();
    const host = { done: 0 };
    let release: () => void = () => undefined;
    let observations = 0;
    const reconciler: Reconciler<number, { done: number }, Step, null> = {
      name: 'test',
      async observe() {
        observations += 1;
        const seen = { ...host };
        if (observations === 2) {
          release(); // the step ends, and the second observation has not seen it
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        return seen;
      },
      plan: (desired, actual) => (actual.done < desired ? [{ resource: 'r', what: 'add one' }] : []),
      async apply() {
        if (host.done === 0)
          await new Promise<void>((resolve) => {
            release = resolve;
            loop.poke();
          });
        host.done += 1;
        if (host.done === 1) setTimeout(() => abort.abort(), 100);
      },
      report: () => null,
      lane: (step) => step.resource,
    };
    const loop = createLoop({ reconciler, send: async () => undefined, clock: systemClock, log: silentLog });
    loop.setDesired(1);
    await loop.run(abort.signal);
    expect(observations).toBeGreaterThan(2);
    expect(host.done).toBe(1);
  });

  it('does not spin while what is to be tried again waits for a step that hangs', async () => {
    const abort = new AbortController();
    const clock = new ManualClock();
    const observations: number[] = [];
    let tries = 0;
    const reconciler: Reconciler<number, null, Step, null> = {
      name: 'test',
      observe: async () => (observations.push(clock.monotonicMs()), null),
      plan: () => [{ resource: 'r', what: 'fail, then hang' }],
      async apply() {
        tries += 1;
        if (tries === 1) throw new Error('failed');
        await new Promise((_, reject) =>
          abort.signal.addEventListener('abort', () => reject(abort.signal.reason as Error)),
        );
      },
      report: () => null,
      lane: (step) => step.resource,
    };
    const loop = createLoop({ reconciler, send: async () => undefined, clock, log: silentLog });
    loop.setDesired(1);
    const running = loop.run(abort.signal);
    await clock.advance(60_000);
    expect([tries, observations.length < 10]).toEqual([2, true]);
    abort.abort();
    await running;
  });
});
