/** Where the database holds what is sealed with the keys for secrets, to be sealed anew when they rotate. */
import { sql } from 'kysely';
import type { Db } from '#kernel/db/database.ts';
import { fromJson, type JsonText, toJson } from '#kernel/db/json.ts';
import { SECRET_OPTIONS } from '../domain-config/options.ts';
import type { IdentityTables } from '../tables.ts';

export interface SealedText {
  /** Its place among those of the same list. */
  readonly id: string;
  readonly sealed: string;
}

/** One column of secrets. */
export interface SealedPlace {
  /** In the order of their ids, after one of them. */
  list(after: string, limit: number): Promise<readonly SealedText[]>;
  /** Whether it still was as it had been read, and is now as `to`. */
  replace(text: SealedText, to: string): Promise<boolean>;
}

/** All secrets that identity keeps for longer than a log-in. */
export function sealedPlaces(db: Db<IdentityTables>): SealedPlace[] {
  return [
    columnOf(db, 'credentials', 'sealed_blob'),
    columnOf(db, 'consumers', 'secret'),
    columnOf(db, 'request_tokens', 'secret'),
    columnOf(db, 'access_tokens', 'secret'),
    ...Object.entries(SECRET_OPTIONS).flatMap(([group, options]) =>
      options.map((option) => domainOption(db, group, option)),
    ),
  ];
}

type SecretTable = 'credentials' | 'consumers' | 'request_tokens' | 'access_tokens';

function columnOf(db: Db<IdentityTables>, tableName: SecretTable, columnName: string): SealedPlace {
  const [table, column] = [sql.table(tableName), sql.ref(columnName)];
  return {
    async list(after, limit) {
      const page = sql<SealedText>`select id, ${column} as sealed from ${table} where id > ${after} order by id limit ${limit}`;
      return (await page.execute(db)).rows;
    },
    async replace({ id, sealed }, to) {
      const change = sql`update ${table} set ${column} = ${to} where id = ${id} and ${column} = ${sealed}`;
      return ((await change.execute(db)).numAffectedRows ?? 0n) > 0n;
    },
  };
}

/** A secret option, of which a domain has one; its value is JSON, as that of every option. */
function domainOption(db: Db<IdentityTables>, group: string, option: string): SealedPlace {
  return {
    async list(after, limit) {
      const rows = await db
        .selectFrom('domain_config')
        .select(['domain_id', 'value'])
        .where('option_group', '=', group)
        .where('option_name', '=', option)
        .where('domain_id', '>', after)
        .orderBy('domain_id')
        .limit(limit)
        .execute();
      return rows.map(({ domain_id, value }) => ({ id: domain_id, sealed: fromJson(value as JsonText<string>) }));
    },
    async replace({ id, sealed }, to) {
      const { numUpdatedRows } = await db
        .updateTable('domain_config')
        .set({ value: toJson(to) })
        .where('domain_id', '=', id)
        .where('option_group', '=', group)
        .where('option_name', '=', option)
        .where('value', '=', toJson(sealed))
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },
  };
}
