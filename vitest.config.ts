import { defineConfig } from 'vitest/config';

/** Real hosts need namespaces, libvirt and nftables, so they are root's; one file at a time, for there is one machine. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'src/**/*.test.ts',
            'tests/{architecture,bootstrap,api}/**/*.test.ts',
            'tests/conformance/lib/*.test.ts',
          ],
          setupFiles: ['tests/support/record-operations.ts'],
          testTimeout: 20_000,
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
