import { describe, expect, it } from 'vitest';
import { collectResults, judge, parseList, serviceOf, type TestEvent } from './results.ts';

const event = (id: string, status: string, reason = ''): TestEvent => ({
  id,
  status,
  seconds: 1,
  reason,
  traceback: 'trace',
  log: '',
});
const A = 'tempest.api.identity.v3.T.test_a[id-1]';
const B = 'tempest.api.identity.v3.T.test_b[id-2,smoke]';

describe('judging a conformance run', () => {
  it('counts every test of a class whose set-up failed', () => {
    const results = collectResults([A, B], [event('setUpClass (tempest.api.identity.v3.T)', 'fail')]);
    expect(results.map(({ outcome }) => outcome)).toEqual(['failed', 'failed']);
  });

  it('counts the tests of a class that skips itself as skipped, though the stream names them', () => {
    const events = [event(A, 'exists'), event('setUpClass (tempest.api.identity.v3.T)', 'skip', 'not here')];
    expect(collectResults([A], events)).toMatchObject([{ outcome: 'skipped', why: 'not here' }]);
  });

  it('does not let a test vanish that never ended', () => {
    expect(collectResults([A], [])[0]?.outcome).toBe('not run');
  });

  it('tells regressions, mended tests and skips nobody allowed', () => {
    const results = collectResults([A, B], [event(A, 'fail'), event(B, 'success')]);
    const verdict = judge(results, parseList('tempest.api.identity.v3.T.test_b # was broken'), []);
    expect([verdict.regressions.length, verdict.mended.length]).toEqual([1, 1]);
    const skipped = collectResults([A], [event(A, 'skip', 'not available')]);
    expect(judge(skipped, new Map(), []).vanished.length).toBe(1);
    expect(judge(skipped, new Map(), ['not available']).vanished.length).toBe(0);
  });

  it('wants a reason for everything in the list', () => {
    expect(judge([], parseList('tempest.x.y\n# a remark\n'), []).unexplained).toEqual(['tempest.x.y']);
  });

  it('knows the service of a test', () => {
    expect([serviceOf('tempest.api.object_storage.x.T.t'), serviceOf('tempest.scenario.x.T.t')]).toEqual([
      'object_storage',
      'scenario',
    ]);
  });
});
