/** All that must hold. A new service adds its checks here. */
import { ALWAYS, AT_REST, type Rule } from '../../support/invariants.ts';
import { bookChecks } from './books.ts';
import type { Check, Scene } from './check.ts';
import { hostChecks } from './hosts.ts';
import { truthChecks } from './truth.ts';

const fromRule =
  (when: Check['when']) =>
  ({ name, look }: Rule): Check => ({ name, when, look: ({ world }) => look(world.tables, world.hosts as never) });

export const CHECKS: readonly Check[] = [
  ...ALWAYS.map(fromRule('always')),
  ...AT_REST.map(fromRule('at rest')),
  ...hostChecks,
  ...bookChecks,
  ...truthChecks,
];

/** A check that does not hold, and why. */
export interface Broken {
  readonly check: string;
  readonly why: readonly string[];
}

/** Which checks do not hold, of those for these times; the first of them only when that is `enough`. */
export async function lookAtAll(scene: Scene, times: readonly Check['when'][], enough = false): Promise<Broken[]> {
  const broken: Broken[] = [];
  for (const check of CHECKS) {
    if (!times.includes(check.when)) continue;
    const why = await check.look(scene);
    if (why.length > 0) broken.push({ check: check.name, why: [...why] });
    if (why.length > 0 && enough) break;
  }
  return broken;
}
