import type { CreateTableBuilder } from 'kysely';
import { columns } from '#kernel/db/columns.ts';
import type { EpochMs } from '#kernel/db/json.ts';

/** What every resource's row has. */
export interface StandardRow {
  id: string;
  project_id: string;
  description: string;
  revision_number: number;
  created_at: EpochMs;
  updated_at: EpochMs;
}

/** The columns of {@link StandardRow}. */
export function standardColumns<T extends string, C extends string>(
  table: CreateTableBuilder<T, C>,
): CreateTableBuilder<T, C | keyof StandardRow> {
  return table
    .addColumn('id', columns.id, (c) => c.primaryKey())
    .addColumn('project_id', columns.name, (c) => c.notNull())
    .addColumn('description', columns.name, (c) => c.notNull())
    .addColumn('revision_number', columns.big, (c) => c.notNull())
    .addColumn('created_at', columns.big, (c) => c.notNull())
    .addColumn('updated_at', columns.big, (c) => c.notNull());
}
