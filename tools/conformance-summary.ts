/**
 * How much of what the interop working group requires of an "OpenStack Powered" cloud passes, from the committed lists: a
 * conformance run fails when a required test neither passes nor stands in `not-yet.txt`.
 */
import { POWERED, readNames, SERVICES } from '../tests/conformance/lib/lists.ts';
import { serviceOf } from '../tests/conformance/lib/results.ts';

interface Count {
  readonly required: number;
  readonly passing: number;
}

/** A table per interop program, and each required test that does not pass yet with its reason. */
export async function drawConformance(): Promise<string> {
  const notYet = readNames('not-yet');
  const programs = Object.entries(POWERED).map(([title, list]) => {
    const required = [...readNames(`lists/${list}`).keys()];
    return { title, required, byService: Map.groupBy(required, serviceOf) };
  });
  const services = [...new Set(programs.flatMap(({ byService }) => [...byService.keys()]))].toSorted();
  const cell = (names: readonly string[] | undefined): string => {
    const { required, passing } = count(names ?? [], notYet);
    return required === 0 ? '' : `${passing} of ${required}`;
  };
  const rows = services.map(
    (service) => `| ${service} | ${programs.map(({ byService }) => cell(byService.get(service))).join(' | ')} |`,
  );
  const all = programs.map(({ required }) => `**${cell(required)}**`).join(' | ');
  const missing = [...new Set(programs.flatMap(({ required }) => required))]
    .filter((name) => notYet.has(name))
    .toSorted()
    .map((name) => `- \`${name}\`: ${notYet.get(name)}`);
  return [
    '',
    `| service | ${programs.map(({ title }) => title).join(' | ')} |`,
    `|---|${programs.map(() => '---:|').join('')}`,
    ...rows,
    `| **all** | ${all} |`,
    '',
    'Required, and not passing yet although their service is there:',
    '',
    ...missing,
    '',
    '',
  ].join('\n');
}

function count(names: readonly string[], notYet: ReadonlyMap<string, string>): Count {
  const passing = names.filter((name) => SERVICES.includes(serviceOf(name)) && !notYet.has(name));
  return { required: names.length, passing: passing.length };
}
