import { describe, expect, it } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
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
});
