import type { Db } from '#kernel/db/database.ts';
import type { DomainConfigTables, DomainOptionRow } from './tables.ts';

export function listOptions(db: Db<DomainConfigTables>, domainId: string): Promise<DomainOptionRow[]> {
  return db
    .selectFrom('domain_config')
    .selectAll()
    .where('domain_id', '=', domainId)
    .orderBy('option_group')
    .orderBy('option_name')
    .execute();
}

export async function replaceOption(db: Db<DomainConfigTables>, row: DomainOptionRow): Promise<void> {
  await deleteOptions(db, row.domain_id, row.option_group, row.option_name);
  await db.insertInto('domain_config').values(row).execute();
}

/** All of a domain's, those of a group, or one. */
export async function deleteOptions(
  db: Db<DomainConfigTables>,
  domainId: string,
  group?: string,
  option?: string,
): Promise<void> {
  let remove = db.deleteFrom('domain_config').where('domain_id', '=', domainId);
  if (group !== undefined) remove = remove.where('option_group', '=', group);
  if (option !== undefined) remove = remove.where('option_name', '=', option);
  await remove.execute();
}
