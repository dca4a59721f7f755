/** Vitest's setup file of the tests that run on MariaDB: says which server, before anything asks. */
import { inject } from 'vitest';

process.env['PILEUS_TEST_DATABASE'] = inject('testDatabase');
