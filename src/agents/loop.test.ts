import { afterEach, describe, expect, it } from 'vitest';
import { ManualClock } from '#kernel/clock.ts';
import { silentLog } from '#kernel/log.ts';
import { createLoop, type Failure, type Reconciler, type Step } from './loop.ts';

interface Fill extends Step {
  readonly cup: string;
}

interface CupReport {
  readonly full: readonly string[];
  readonly failures: Readonly<Record<string, number>>;
}

const stops: AbortController[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop.abort();
});

/** A host with cups, of which the desired ones are to be full. */
function table(options: { fill?: (cup: string) => Promise<void>; send?: (report: CupReport) => Promise<void> } = {}) {
  const clock = new ManualClock();
  const full = new Set<string>();
  const reports: CupReport[] = [];
  const tried: string[] = [];
  const reconciler: Reconciler<readonly string[], readonly string[], Fill, CupReport> = {
    name: 'cups',
    observe: async () => [...full],
    plan: (desired, actual) =>
      desired.filter((cup) => !actual.includes(cup)).map((cup) => ({ resource: cup, what: 'fill', cup })),
    async apply({ cup }) {
      tried.push(cup);
      await options.fill?.(cup);
      full.add(cup);
    },
    report: (_desired, actual, failures: ReadonlyMap<string, Failure>) => ({
      full: actual,
      failures: Object.fromEntries([...failures].map(([cup, { attempts }]) => [cup, attempts])),
    }),
    lane: (step) => step.cup,
  };
  const loop = createLoop({
    reconciler,
    send: async (report) => {
      await options.send?.(report);
      reports.push(report);
    },
    clock,
    log: silentLog,
  });
  const stop = new AbortController();
  stops.push(stop);
  void loop.run(stop.signal);
  return { clock, loop, full, reports, tried };
}

describe('the reconcile loop', () => {
  it('does nothing before it knows what is desired', async () => {
    const { clock, reports, tried } = table();
    await clock.advance(120_000);
    expect([reports, tried]).toEqual([[], []]);
  });

  it('makes the host as desired and says so, without waiting for its period', async () => {
    const { clock, loop, reports } = table();
    loop.setDesired(['a', 'b']);
    await clock.advance(10);
    expect(reports.at(-1)).toEqual({ full: ['a', 'b'], failures: {} });
  });

  it('mends what somebody else has changed, within its period', async () => {
    const { clock, loop, full } = table();
    loop.setDesired(['a']);
    await clock.advance(10);
    full.clear();
    await clock.advance(31_000);
    expect([...full]).toEqual(['a']);
  });

  it('tries a failing resource again with growing waits, and the others at once', async () => {
    const { clock, loop, full, reports, tried } = table({
      fill: async (cup) => {
        if (cup === 'bad') throw new Error('broken');
      },
    });
    loop.setDesired(['bad', 'good']);
    await clock.advance(10);
    expect([...full]).toEqual(['good']);
    await clock.advance(16_000);
    expect(tried.filter((cup) => cup === 'bad').length).toBe(5);
    expect(reports.at(-1)?.failures['bad']).toBe(5);
  });

  it('goes on with other resources while one hangs', async () => {
    const { clock, loop, full } = table({
      fill: (cup) => (cup === 'slow' ? new Promise(() => {}) : Promise.resolve()),
    });
    loop.setDesired(['slow']);
    await clock.advance(10);
    loop.setDesired(['slow', 'quick']);
    await clock.advance(10);
    expect([...full]).toEqual(['quick']);
  });

  it('is not held up by a controller that hangs', async () => {
    const { clock, loop, full } = table({ send: () => new Promise(() => {}) });
    loop.setDesired(['a']);
    await clock.advance(10);
    loop.setDesired(['a', 'b']);
    await clock.advance(10);
    expect([...full]).toEqual(['a', 'b']);
  });

  it('repeats a report that was not delivered', async () => {
    let left = 3;
    const { clock, loop, reports } = table({
      send: async () => {
        if (left-- > 0) throw new Error('nobody answers');
      },
    });
    loop.setDesired(['a']);
    await clock.advance(10_000);
    expect(reports).toEqual([{ full: ['a'], failures: {} }]);
  });
});
