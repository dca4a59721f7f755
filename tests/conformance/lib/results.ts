/** What a Tempest run means, test by test. Pure. */

/** One event of the run, as `subunit_to_json.py` prints it. */
export interface TestEvent {
  readonly id: string;
  readonly status: string;
  readonly seconds: number;
  readonly reason: string;
  readonly traceback: string;
  readonly log: string;
}

export type Outcome = 'passed' | 'failed' | 'skipped' | 'not run';

export interface TestResult {
  readonly name: string;
  readonly outcome: Outcome;
  readonly seconds: number;
  /** Why it was skipped, or the traceback of its failure. */
  readonly why: string;
  readonly log: string;
}

const OUTCOMES: Readonly<Record<string, Outcome>> = {
  success: 'passed',
  xfail: 'passed',
  skip: 'skipped',
  fail: 'failed',
  uxsuccess: 'failed',
};

/** A test's name without its `[id-…,tags]` and scenario. */
export function baseName(id: string): string {
  return id.split(/[[(]/, 1)[0] ?? id;
}

/**
 * Every selected test with its outcome. A class whose `setUpClass` was skipped or failed reports none of its tests: all of
 * them count as skipped or failed. What never ended did not run.
 */
export function collectResults(selected: readonly string[], events: readonly TestEvent[]): TestResult[] {
  // A stream also tells which tests there are, and which have begun: neither is an end.
  const ended = events.filter(({ status }) => Object.hasOwn(OUTCOMES, status));
  const tests = new Map(ended.map((event) => [event.id, event]));
  const classes = new Map<string, TestEvent>();
  for (const event of ended) {
    const name = /^setUpClass \((.*)\)$/.exec(event.id)?.[1];
    if (name !== undefined) classes.set(name, event);
  }
  return selected.map((id) => {
    const name = baseName(id);
    const event = tests.get(id) ?? classes.get(name.slice(0, name.lastIndexOf('.')));
    if (event === undefined) return { name, outcome: 'not run', seconds: 0, why: 'it never ended', log: '' };
    const outcome = OUTCOMES[event.status] ?? 'not run';
    return {
      name,
      outcome,
      seconds: event.seconds,
      why: outcome === 'skipped' ? event.reason : event.traceback,
      log: event.log,
    };
  });
}

/** A line of a list file: a test's name and, after `#`, why it is in the list. */
export function parseList(text: string): Map<string, string> {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const [name = '', ...reason] = line.split('#');
      return [baseName(name.trim()), reason.join('#').trim()];
    }),
  );
}

export interface Verdict {
  /** Failed or did not run, and not in the list. */
  readonly regressions: readonly TestResult[];
  /** In the list, but passed: it must leave the list. */
  readonly mended: readonly TestResult[];
  /** Skipped for a reason that no one has allowed. */
  readonly vanished: readonly TestResult[];
  /** In the list without a reason. */
  readonly unexplained: readonly string[];
}

/** Holds a run against the list of what doesn't pass yet and the skips that are allowed (as parts of their reasons). */
export function judge(
  results: readonly TestResult[],
  notYet: ReadonlyMap<string, string>,
  allowedSkips: readonly string[],
): Verdict {
  return {
    regressions: results.filter(
      ({ name, outcome }) => (outcome === 'failed' || outcome === 'not run') && !notYet.has(name),
    ),
    mended: results.filter(({ name, outcome }) => outcome === 'passed' && notYet.has(name)),
    vanished: results.filter(
      ({ name, outcome, why }) =>
        outcome === 'skipped' && !notYet.has(name) && !allowedSkips.some((reason) => why.includes(reason)),
    ),
    unexplained: [...notYet].filter(([, reason]) => reason === '').map(([name]) => name),
  };
}

/** `tempest.api.compute.servers…` belongs to `compute`. */
export function serviceOf(name: string): string {
  const [, kind = '', service = ''] = name.split('.');
  return kind === 'api' ? service : kind;
}

/** A table of counts per service. */
export function renderTable(results: readonly TestResult[]): string {
  const outcomes: readonly Outcome[] = ['passed', 'failed', 'skipped', 'not run'];
  const head = ['service'.padEnd(16), ...outcomes.map((outcome) => outcome.padStart(8)), 'seconds'.padStart(9)].join(
    ' ',
  );
  const groups: [string, readonly TestResult[]][] = [...Map.groupBy(results, ({ name }) => serviceOf(name))];
  groups.sort(([a], [b]) => a.localeCompare(b)).push(['all', results]);
  const rows = groups.map(([service, list]) => {
    const counts = outcomes.map((outcome) =>
      String(list.filter((result) => result.outcome === outcome).length).padStart(8),
    );
    const seconds = list.reduce((sum, result) => sum + result.seconds, 0);
    return [service.padEnd(16), ...counts, seconds.toFixed(0).padStart(9)].join(' ');
  });
  return [head, ...rows].join('\n');
}

/** The request that a failed test stumbled over: the last one in its log that was refused or broke. */
export function failedRequest(result: TestResult): string | undefined {
  const requests = result.log.split('\n').filter((line) => /Request \(.*\): [45]\d\d /.test(line));
  return requests
    .at(-1)
    ?.replace(/^.*Request/, 'Request')
    .slice(0, 240);
}
