/** What a Tempest run means, test by test. Pure. */

/** One test that ended, or one class's set-up or clean-up, as `tempest_forks.py` writes it. */
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
 * them count as skipped or failed. What never ended did not run. A class that could not clean up after itself is a failure of
 * its own.
 */
export function collectResults(selected: readonly string[], events: readonly TestEvent[]): TestResult[] {
  const ended = events.filter(({ status }) => Object.hasOwn(OUTCOMES, status));
  const tests = new Map(ended.map((event) => [event.id, event]));
  const classes = new Map<string, TestEvent>();
  for (const event of ended) {
    const name = /^setUpClass \((.*)\)$/.exec(event.id)?.[1];
    if (name !== undefined) classes.set(name, event);
  }
  const uncleaned = ended.filter(({ id, status }) => id.startsWith('tearDownClass') && OUTCOMES[status] === 'failed');
  const tested = selected.map((id): TestResult => {
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
  return [...tested, ...uncleaned.map(toCleanUp)];
}

function toCleanUp({ id, seconds, traceback, log }: TestEvent): TestResult {
  const name = `${id.replace(/^tearDownClass \((.*)\)$/, '$1')}.tearDownClass`;
  return { name, outcome: 'failed', seconds, why: traceback, log };
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

/** What a run is held against. */
export interface Bar {
  /** Tests that do not pass yet, each with its reason. */
  readonly notYet: ReadonlyMap<string, string>;
  /** Parts of skip reasons that are in order. */
  readonly allowedSkips: readonly string[];
  /** Tests that count only when they pass: no skip of theirs is in order. */
  readonly required: ReadonlySet<string>;
}

/** Holds a run against the bar. */
export function judge(results: readonly TestResult[], { notYet, allowedSkips, required }: Bar): Verdict {
  const isAllowed = ({ name, why }: TestResult): boolean =>
    notYet.has(name) || (!required.has(name) && allowedSkips.some((reason) => why.includes(reason)));
  return {
    regressions: results.filter(
      ({ name, outcome }) => (outcome === 'failed' || outcome === 'not run') && !notYet.has(name),
    ),
    mended: results.filter(({ name, outcome }) => outcome === 'passed' && notYet.has(name)),
    vanished: results.filter((result) => result.outcome === 'skipped' && !isAllowed(result)),
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

/** Enough of an answer to see what was wrong. */
const MAX_EXCERPT_CHARS = 400;

/**
 * The request that a failed test stumbled over, as `404 GET http://… → body`: the last one of the test (or of its class's set-up)
 * that was refused or broke; or its last one, where it waited for something that did not come.
 */
export function failedRequest({ name, log }: TestResult): string | undefined {
  const test = name.slice(name.lastIndexOf('.') + 1);
  const requests = [...log.matchAll(/^Request \(([^)]*)\): (\d{3}) (\S+) (\S+) .*$/gm)].map((match) => ({
    isOfTest: match[1]?.endsWith(`:${test}`) === true || match[1]?.endsWith(':setUpClass') === true,
    isRefused: Number(match[2]) >= 400,
    line: `${match[2]} ${match[3]} ${match[4]}`,
    after: log.slice(match.index + match[0].length),
  }));
  const found =
    requests.findLast(({ isOfTest, isRefused }) => isOfTest && isRefused) ??
    requests.findLast(({ isRefused }) => isRefused) ??
    requests.at(-1);
  if (found === undefined) return undefined;
  const [answer = ''] = found.after.split(/^Request \(/m, 1);
  const body = /Response - Headers:[^\n]*\n\s*Body: (?:b['"])?([^\n]*)/.exec(answer)?.[1] ?? '';
  return `${found.line} → ${body.slice(0, MAX_EXCERPT_CHARS)}`;
}
