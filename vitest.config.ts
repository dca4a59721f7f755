import { globSync, readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** What opens a test's database, by itself or through a service that it starts. */
const OPENS_DATABASE =
  /from '(?:#tests|\.|\.\.)\/(?:api\/|support\/database|identity\/|cloud\.|compute|image\.|network\.)/;
const usesDatabase = (file: string): boolean => OPENS_DATABASE.test(readFileSync(file, 'utf8'));

/** Real hosts need namespaces, libvirt and nftables, so they are root's; one file at a time, for there is one machine. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'src/**/*.test.ts',
            'tests/{architecture,bootstrap,api,bench}/**/*.test.ts',
            'tests/conformance/lib/*.test.ts',
          ],
          setupFiles: ['tests/support/record-operations.ts', 'tests/support/record-statements.ts'],
          testTimeout: 20_000,
        },
      },
      {
        // the same tests as above, as far as they have a database, on MariaDB
        test: {
          name: 'mariadb',
          include: [
            'tests/mariadb/**/*.test.ts',
            ...globSync(['src/**/*.test.ts', 'tests/api/**/*.test.ts']).filter(usesDatabase),
          ],
          globalSetup: 'tests/support/mariadb-server.ts',
          setupFiles: ['tests/support/use-mariadb.ts'],
          testTimeout: 120_000,
          hookTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'galera',
          include: ['tests/galera/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 3_600_000,
        },
      },
      {
        test: {
          name: 'crash',
          include: ['tests/{crash,sim}/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'hosts',
          include: ['tests/hosts/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
