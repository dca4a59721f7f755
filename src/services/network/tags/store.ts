import type { Db } from '#kernel/db/database.ts';
import type { NetworkTables } from '../tables.ts';

type Tx = Db<NetworkTables>;

export async function setTags(tx: Tx, resourceId: string, tags: readonly string[]): Promise<void> {
  await tx.deleteFrom('network_tags').where('resource_id', '=', resourceId).execute();
  if (tags.length > 0)
    await tx
      .insertInto('network_tags')
      .values(tags.map((tag) => ({ resource_id: resourceId, tag })))
      .execute();
}
