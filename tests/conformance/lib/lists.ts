/** Which tests there are to run: the committed lists, and what the runner's arguments name. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { baseName, parseList } from './results.ts';

const HERE = dirname(import.meta.dirname);
/** The services that exist so far: tests of others are not selected. */
export const SERVICES: readonly string[] = ['identity', 'image', 'compute', 'network'];
/** The interop working group's programs by what they are called, and their lists. */
export const POWERED = {
  'OpenStack Powered Platform': 'powered-platform',
  'OpenStack Powered Compute': 'powered-compute',
  'OpenStack Powered Object Storage': 'powered-object-storage',
} as const;

/** A list of names, each with its reason if it has one: `not-yet`, or one in `lists/`. */
export function readNames(name: string): ReadonlyMap<string, string> {
  return parseList(readFileSync(join(HERE, `${name}.txt`), 'utf8'));
}

/** Parts of skip reasons that are in order. */
export function readAllowedSkips(): string[] {
  return readFileSync(join(HERE, 'allowed-skips.txt'), 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** The tests that any program of the interop working group requires. */
export function requiredTests(): ReadonlySet<string> {
  return new Set(Object.values(POWERED).flatMap((list) => [...readNames(`lists/${list}`).keys()]));
}

/** The tests that the selectors name, of the services that there are; all of those without selectors. */
export function selectTests(ids: readonly string[], selectors: readonly string[]): string[] {
  const dead = readNames('lists/dead-in-zed');
  const ours = ids.filter(
    (id) => !dead.has(baseName(id)) && SERVICES.some((service) => id.startsWith(`tempest.api.${service}.`)),
  );
  const picks = selectors.map(readSelector);
  return picks.length === 0 ? ours : ours.filter((id) => picks.some((pick) => pick(id)));
}

/**
 * A selector is a service, `smoke`, `not-yet`, an interop program by its list's name or its own, a file of names, or a
 * regular expression.
 */
export function readSelector(selector: string): (id: string) => boolean {
  const program = Object.entries(POWERED).find(([name]) => name.toLowerCase() === selector.toLowerCase())?.[1];
  if (program !== undefined) return isIn(readNames(`lists/${program}`));
  if (existsSync(join(HERE, 'lists', `${selector}.txt`))) return isIn(readNames(`lists/${selector}`));
  if (selector === 'not-yet') return isIn(readNames('not-yet'));
  if (selector === 'smoke') return (id) => /[[,]smoke[\],]/.test(id);
  if (SERVICES.includes(selector)) return (id) => id.startsWith(`tempest.api.${selector}.`);
  if (existsSync(selector)) return isIn(parseList(readFileSync(selector, 'utf8')));
  const pattern = new RegExp(selector);
  return (id) => pattern.test(id);
}

function isIn(names: ReadonlyMap<string, string>): (id: string) => boolean {
  return (id) => names.has(baseName(id));
}
