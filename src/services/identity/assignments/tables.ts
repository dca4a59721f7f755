import { columns } from '#kernel/db/columns.ts';
import type { Bit } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import type { RoleId } from '../roles/tables.ts';

export interface AssignmentTables {
  role_assignments: AssignmentRow;
}

/** One actor has one role on one target. */
export interface AssignmentRow {
  actor_kind: 'user' | 'group';
  actor_id: string;
  target_kind: 'project' | 'domain' | 'system';
  /** `system` for the system. */
  target_id: string;
  role_id: RoleId;
  /** 1: holds on all projects below the target, not on itself. */
  inherited: Bit;
}

export const assignmentMigrations: Migrations = {
  'identity-0005-role-assignments': {
    up: async (db) => {
      await db.schema
        .createTable('role_assignments')
        .ifNotExists()
        .addColumn('actor_kind', 'varchar(8)', (c) => c.notNull())
        .addColumn('actor_id', 'varchar(64)', (c) => c.notNull())
        .addColumn('target_kind', 'varchar(8)', (c) => c.notNull())
        .addColumn('target_id', 'varchar(64)', (c) => c.notNull())
        .addColumn('role_id', 'varchar(64)', (c) => c.notNull().references('roles.id').onDelete('cascade'))
        .addColumn('inherited', columns.bit, (c) => c.notNull())
        .addPrimaryKeyConstraint('role_assignments_key', [
          'actor_id',
          'actor_kind',
          'target_kind',
          'target_id',
          'role_id',
          'inherited',
        ])
        .execute();
      await db.schema
        .createIndex('role_assignments_target')
        .ifNotExists()
        .on('role_assignments')
        .column('target_id')
        .execute();
    },
    down: (db) => db.schema.dropTable('role_assignments').ifExists().execute(),
  },
};
