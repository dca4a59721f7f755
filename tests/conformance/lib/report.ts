/** What a run says in the end. Pure. */
import { failedRequest, renderTable, type TestResult, type Verdict } from './results.ts';

const MAX_REASON_CHARS = 110;
const MAX_ERROR_CHARS = 240;

/** The counts per service, the skips with their reasons, and by name what is not as it should be. */
export function drawReport(results: readonly TestResult[], verdict: Verdict): string {
  const skips = Map.groupBy(
    results.filter(({ outcome }) => outcome === 'skipped'),
    ({ why }) => why.trim().slice(0, MAX_REASON_CHARS),
  );
  return [
    renderTable(results),
    ...[...skips].map(([why, list]) => `  skipped ${String(list.length).padStart(4)}  ${why}`),
    ...verdict.regressions.flatMap(drawFailure),
    ...verdict.mended.map(({ name }) => `  PASSES NOW, take it out of not-yet.txt: ${name}`),
    ...verdict.vanished.map(
      ({ name, why }) => `  SKIPPED for a reason nobody allowed: ${name}: ${why.trim().slice(0, MAX_REASON_CHARS)}`,
    ),
    ...verdict.unexplained.map((name) => `  in not-yet.txt without a reason: ${name}`),
  ].join('\n');
}

function drawFailure(result: TestResult): string[] {
  const error = result.why
    .trim()
    .split('\n')
    .findLast((line) => line.trim() !== '')
    ?.trim();
  const details = [failedRequest(result), error?.slice(0, MAX_ERROR_CHARS)];
  const shown = details.filter((line) => line !== undefined && line !== '').map((line) => `         ${line}`);
  return [`  FAILED ${result.name}`, ...shown];
}

/** How many tests of a list pass, by the list's name. */
export function drawPrograms(
  results: readonly TestResult[],
  programs: ReadonlyMap<string, ReadonlySet<string>>,
): string[] {
  const passed = new Set(results.filter(({ outcome }) => outcome === 'passed').map(({ name }) => name));
  return [...programs].map(
    ([title, required]) =>
      `  ${title}: ${[...required].filter((name) => passed.has(name)).length} of ${required.size} pass`,
  );
}
