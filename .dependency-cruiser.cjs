/**
 * The architecture as failing checks: each rule stands in docs and reviews by its name, and
 * `tests/architecture/rules.test.ts` seeds one violation of each, because a guard can go blind without a word.
 *
 * Write every pattern anchored. An unanchored `dist` once hid `node_modules/kysely/dist`, and with it a broken rule.
 * `type-only` edges count as dependencies unless a rule says otherwise.
 */
const TEST = '\\.test\\.ts$';
const PLAN = ['/plan\\.ts$', '/plan-[^/]+\\.ts$'];
const STORE = ['/(store|tables)\\.ts$', '/store/[^/]+\\.ts$'];
/** Where the parts are put together: these may see all parts, but only through their doors. */
const WIRING = '^src/(main\\.ts$|cli/|controller/|agents/[^/]+\\.ts$)';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'everything-resolves',
      comment: 'An import that the cruiser cannot follow is a rule that it cannot check.',
      severity: 'error',
      from: { path: '^src/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'no-cycles',
      comment: 'Two modules that need each other are one module, or hide a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'kernel-knows-nobody',
      comment: 'The kernel is what everything stands on.',
      severity: 'error',
      from: { path: '^src/kernel/', pathNot: TEST },
      to: { path: '^src/', pathNot: '^src/kernel/' },
    },
    {
      name: 'protocol-knows-nobody',
      comment: 'The protocol is shapes: it may name kernel types, and runs nothing.',
      severity: 'error',
      from: { path: '^src/protocol/', pathNot: TEST },
      to: { path: '^src/', pathNot: ['^src/protocol/', '^src/kernel/(ids|errors)\\.ts$'] },
    },
    {
      name: 'services-meet-at-index',
      comment: "A service's index.ts is its only door for other services.",
      severity: 'error',
      from: { path: '^src/services/([^/]+)/', pathNot: TEST },
      to: { path: '^src/services/', pathNot: ['^src/services/$1/', '^src/services/[^/]+/index\\.ts$'] },
    },
    {
      name: 'services-have-one-door',
      comment: "Whoever puts the program together also comes in through a service's index.ts.",
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/services/', TEST] },
      to: { path: '^src/services/', pathNot: '^src/services/[^/]+/index\\.ts$' },
    },
    {
      name: 'agents-know-no-service',
      comment: 'Agents and services meet only in src/protocol.',
      severity: 'error',
      from: { path: '^src/agents/' },
      to: { path: '^src/services/' },
    },
    {
      name: 'services-know-no-agent',
      comment: 'Agents and services meet only in src/protocol.',
      severity: 'error',
      from: { path: '^src/services/' },
      to: { path: '^src/agents/' },
    },
    {
      name: 'agents-are-strangers',
      comment: 'Compute, network and volume agents share the loop and nothing else.',
      severity: 'error',
      from: { path: '^src/agents/([^/]+)/' },
      to: { path: '^src/agents/[^/]+/', pathNot: '^src/agents/$1/' },
    },
    {
      name: 'the-top-is-not-imported',
      comment: 'main.ts and the command line know the parts; the parts do not know them.',
      severity: 'error',
      from: { path: '^src/(kernel|protocol|services|agents|install)/' },
      to: { path: '^src/(main\\.ts$|cli/)' },
    },
    {
      name: 'only-drivers-touch-the-host',
      comment: 'Host commands run in drivers and the installer; the wiring makes the one Exec that they take.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/agents/[^/]+/drivers/', '^src/services/[^/]+/[^/]+/drivers/', '^src/install/', '^src/kernel/exec', WIRING, TEST] },
      to: { path: '^src/kernel/exec[^/]*\\.ts$' },
    },
    {
      name: 'sql-only-in-stores',
      comment: 'Every statement of a noun stands in its store.ts; row types and schema changes in tables.ts.',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: [...STORE, '^src/kernel/(db|tasks|events|restoration)/', TEST],
      },
      to: { path: '(^|/)node_modules/(kysely|better-sqlite3|mysql2)/' },
    },
    {
      name: 'plans-are-pure',
      comment: 'A plan is a function of desired and actual state: same input, same steps, nothing else read or done.',
      severity: 'error',
      from: { path: PLAN },
      to: {
        pathNot: [...PLAN, '/types\\.ts$', '^src/protocol/', '^src/kernel/(errors|net)\\.ts$', '(^|/)node_modules/ipaddr\\.js/'],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'routes-do-not-store',
      comment: 'A route calls the logic of its noun; only logic, tasks and views know the store.',
      severity: 'error',
      from: { path: ['/routes\\.ts$', '/routes/[^/]+\\.ts$'] },
      to: { path: STORE, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-test-code-in-src',
      comment: 'What runs must not depend on what tests.',
      severity: 'error',
      from: { path: '^src/', pathNot: TEST },
      to: { path: ['\\.test\\.ts$', '^tests/', '(^|/)node_modules/(vitest|fast-check)/'] },
    },
  ],
  options: {
    doNotFollow: { path: '(^|/)node_modules/' },
    // Assets run in browsers, which find their modules by address.
    exclude: { path: ['^dist/', '/assets/'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'node', 'default'],
      mainFields: ['module', 'main', 'types', 'typings'],
    },
  },
};
