/**
 * Which operations of the OpenStack API reference this program has, and which of those a test has seen work.
 *
 * The reference stands in `tests/api/reference/<service type>.tsv`. What tests have seen work is written by each test run
 * (`tests/support/record-operations.ts`) and kept in `tests/api/reference/tested-operations.txt`; what OpenStack's own test suite
 * has seen work stands beside it, kept and held to by `tests/conformance/run.ts`:
 *
 *   node tools/api-coverage.ts --record    after a whole run of the unit tests: renews the kept list
 *   node tools/api-coverage.ts --verify    after one: fails when an operation on the kept list was not seen to work
 */
import { glob, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Route } from '#kernel/api/route.ts';
import { recordOf } from '#tests/support/operation-record.ts';
import { listRoutes } from './api-routes.ts';

/** Services in the order of the documents; those with a reference and no code are still to come. */
const SERVICES = [
  'identity',
  'image',
  'placement',
  'compute',
  'network',
  'block-storage',
  'object-store',
  'orchestration',
  'metric',
  'alarming',
] as const;

const REFERENCE = 'tests/api/reference';
const KEPT = `${REFERENCE}/tested-operations.txt`;
/** What a whole run of OpenStack's own test suite has seen work; `tests/conformance/run.ts` keeps it and holds to it. */
const CONFORMANCE = `${REFERENCE}/conformance-operations.txt`;
const RECORDED = '.pileus/test/operations';
/** Where the real service's paths begin that its reference leaves out. */
const ROOTS: Readonly<Record<string, string>> = { compute: '/v2.1' };
/** Variables of the reference that stand for fixed words. */
const WORDS = new Set(['{api_version}', '{resource_type}']);

type State = 'tested' | 'implemented' | 'missing';

interface Operation {
  readonly method: string;
  readonly path: string;
  /** The key of the body that chooses the operation, or nothing. */
  readonly action: string;
  readonly since: string;
  readonly isDeprecated: boolean;
  readonly title: string;
}

interface Covered extends Operation {
  readonly state: State;
}

/** The table of services: operations in the reference, implemented, seen to work by a test. */
export async function drawApiSummary(root: string): Promise<string> {
  const rows = [...(await cover(root))].map(([type, operations]) => {
    const [all, have, tested] = count(operations);
    return `| ${type} | ${all} | ${have} | ${tested} |`;
  });
  const totals = count([...(await cover(root)).values()].flat());
  return [
    '',
    '| service | operations in the API reference | implemented | of these, seen to work by a test |',
    '|---|---:|---:|---:|',
    ...rows,
    `| **all** | ${totals.map((total) => `**${total}**`).join(' | ')} |`,
    '',
    '',
  ].join('\n');
}

/** Every operation of every service, one list per service and state. */
export async function drawApiCoverage(root: string): Promise<string> {
  const parts = [...(await cover(root))].map(([type, operations]) => drawService(type, operations));
  return `${await drawApiSummary(root)}${parts.join('\n')}`;
}

function drawService(type: string, operations: readonly Covered[]): string {
  const [all, have] = count(operations);
  const list = (state: State): string[] => operations.filter((one) => one.state === state).map(drawOperation);
  const sections: readonly (readonly [title: string, lines: readonly string[]])[] = [
    ['Implemented, seen to work by a test', list('tested')],
    ['Implemented, not yet seen to work by a test', list('implemented')],
    ['Not yet', list('missing')],
  ];
  const text = sections
    .filter(([, lines]) => lines.length > 0)
    .map(
      ([title, lines]) =>
        `<details><summary>${title}: ${lines.length}</summary>\n\n${lines.join('\n')}\n\n</details>\n`,
    );
  return `## ${type}: ${have} of ${all}\n\n${text.join('\n')}`;
}

function drawOperation({ method, path, action, since, isDeprecated, title }: Operation): string {
  const notes = [
    action === '' ? '' : `\`${action}\``,
    since === '' ? '' : `since ${since}`,
    isDeprecated ? 'deprecated' : '',
  ];
  const shown = notes.filter((note) => note !== '').join(', ');
  return `- \`${method} ${path}\`${shown === '' ? '' : ` (${shown})`} ${title}`;
}

function count(operations: readonly Covered[]): [all: number, implemented: number, tested: number] {
  const tested = operations.filter(({ state }) => state === 'tested').length;
  const missing = operations.filter(({ state }) => state === 'missing').length;
  return [operations.length, operations.length - missing, tested];
}

let covered: Promise<ReadonlyMap<string, readonly Covered[]>> | undefined;

function cover(root: string): Promise<ReadonlyMap<string, readonly Covered[]>> {
  covered ??= readCoverage(root);
  return covered;
}

async function readCoverage(root: string): Promise<ReadonlyMap<string, readonly Covered[]>> {
  const routes = await listRoutes();
  const tested = new Set([...(await readLines(join(root, KEPT))), ...(await readLines(join(root, CONFORMANCE)))]);
  const result = new Map<string, readonly Covered[]>();
  for (const type of SERVICES) {
    const operations = await readReference(join(root, REFERENCE, `${type}.tsv`));
    const own = routes.get(type) ?? [];
    result.set(
      type,
      operations.map((operation) => ({ ...operation, state: stateOf(type, operation, own, tested) })),
    );
  }
  return result;
}

async function readReference(path: string): Promise<Operation[]> {
  const [, ...lines] = await readLines(path);
  return lines.map((line) => {
    const [method = '', operationPath = '', action = '', since = '', deprecated = '', title = ''] = line.split('\t');
    return { method, path: operationPath, action, since, isDeprecated: deprecated !== '', title };
  });
}

function stateOf(type: string, operation: Operation, routes: readonly Route[], tested: ReadonlySet<string>): State {
  const matching = routes.filter((route) => isServedBy(type, operation, route));
  if (matching.length === 0) return 'missing';
  const isTested = matching.some(({ path }) => tested.has(recordOf(type, operation.method, path, operation.action)));
  return isTested ? 'tested' : 'implemented';
}

function isServedBy(type: string, operation: Operation, route: Route): boolean {
  const methods: readonly string[] = route.methods;
  const hasMethod = methods.includes(operation.method) || (operation.method === 'HEAD' && methods.includes('GET'));
  if (!hasMethod) return false;
  const isPath = ['', ROOTS[type] ?? ''].some((start) => matches(start + operation.path, route.path));
  return isPath && (operation.action === '' || actionsOf(route.body).has(operation.action));
}

function matches(reference: string, path: string): boolean {
  const [wanted, given] = [partsOf(reference), partsOf(path)];
  return wanted.length === given.length && wanted.every((part, i) => matchesPart(part, given[i] ?? ''));
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '');
}

function matchesPart(wanted: string, given: string): boolean {
  if (WORDS.has(wanted)) return true;
  return wanted.startsWith('{') ? given.startsWith(':') || given === '*' : wanted === given;
}

/** The keys by which a body chooses an action: an object's properties, or those of each of its alternatives. */
function actionsOf(schema: unknown): Set<string> {
  if (typeof schema !== 'object' || schema === null) return new Set();
  const { properties, anyOf, oneOf } = schema as { properties?: object; anyOf?: unknown[]; oneOf?: unknown[] };
  const nested = [...(anyOf ?? []), ...(oneOf ?? [])].flatMap((branch) => [...actionsOf(branch)]);
  return new Set([...Object.keys(properties ?? {}), ...nested]);
}

async function readLines(path: string): Promise<string[]> {
  return (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

async function readRecorded(root: string): Promise<Set<string>> {
  const seen = new Set<string>();
  for await (const file of glob(`${RECORDED}/*.txt`, { cwd: root }))
    for (const line of await readLines(join(root, file))) seen.add(line);
  if (seen.size === 0) throw new Error(`Nothing in ${RECORDED}: run the unit tests first.`);
  return seen;
}

async function record(root: string): Promise<void> {
  const lines = [...(await readRecorded(root))].toSorted();
  const head =
    '# Operations that the tests have seen answer below 400. Written by: node tools/api-coverage.ts --record';
  await writeFile(join(root, KEPT), `${head}\n${lines.join('\n')}\n`);
  console.log(`${KEPT}: ${lines.length} operations`);
}

async function verify(root: string): Promise<void> {
  const seen = await readRecorded(root);
  const lost = (await readLines(join(root, KEPT))).filter((line) => !seen.has(line));
  if (lost.length === 0) return console.log(`${KEPT} holds`);
  console.error(`On ${KEPT}, but no test has seen it work:\n${lost.join('\n')}`);
  process.exitCode = 1;
}

if (import.meta.main) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  if (process.argv.includes('--record')) await record(root);
  else if (process.argv.includes('--verify')) await verify(root);
  else console.log(await drawApiSummary(root));
}
