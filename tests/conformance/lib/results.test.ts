import { describe, expect, it } from 'vitest';
import { collectResults, failedRequest, judge, parseList, serviceOf, type TestEvent } from './results.ts';

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
const BAR = { notYet: new Map(), allowedSkips: [], required: new Set<string>() };

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
    const verdict = judge(results, { ...BAR, notYet: parseList('tempest.api.identity.v3.T.test_b # was broken') });
    expect([verdict.regressions.length, verdict.mended.length]).toEqual([1, 1]);
    const skipped = collectResults([A], [event(A, 'skip', 'not available')]);
    expect(judge(skipped, BAR).vanished.length).toBe(1);
    expect(judge(skipped, { ...BAR, allowedSkips: ['not available'] }).vanished.length).toBe(0);
  });

  it('takes no skip of a test that an interop program requires', () => {
    const skipped = collectResults([A], [event(A, 'skip', 'not available')]);
    const required = new Set(['tempest.api.identity.v3.T.test_a']);
    expect(judge(skipped, { ...BAR, allowedSkips: ['not available'], required }).vanished.length).toBe(1);
  });

  it('counts a class that could not clean up as a failure', () => {
    const results = collectResults(
      [A],
      [event(A, 'success'), event('tearDownClass (tempest.api.identity.v3.T)', 'fail')],
    );
    expect(results.map(({ name, outcome }) => [name, outcome]).at(-1)).toEqual([
      'tempest.api.identity.v3.T.tearDownClass',
      'failed',
    ]);
  });

  it('shows the request that a test stumbled over, not what its clean-up was refused later', () => {
    const log = [
      'Request (T:test_a): 200 GET http://c/v3/users 0.01s',
      'Request (T:test_a): 409 POST http://c/v3/users 0.01s',
      "Request - Headers: {}\n        Body: {}\n    Response - Headers: {'status': '409'}\n        Body: b'{\"error\": 1}'",
      'Request (T:_run_cleanups): 404 DELETE http://c/v3/users/1 0.01s',
    ].join('\n');
    const [result] = collectResults([A], [{ ...event(A, 'fail'), log }]);
    expect(result && failedRequest(result)).toContain('409 POST http://c/v3/users → {"error": 1}');
  });

  it('wants a reason for everything in the list', () => {
    expect(judge([], { ...BAR, notYet: parseList('tempest.x.y\n# a remark\n') }).unexplained).toEqual(['tempest.x.y']);
  });

  it('knows the service of a test', () => {
    expect([serviceOf('tempest.api.object_storage.x.T.t'), serviceOf('tempest.scenario.x.T.t')]).toEqual([
      'object_storage',
      'scenario',
    ]);
  });
});
