import { seal, unseal } from './seal.ts';
import { findSecret, insertSecret, type SharedStateDb } from './store.ts';

/** What all controllers of a cloud must agree on, besides their keys. */
export interface SharedCloud {
  /** Guests on hosts carry it. */
  readonly cloudId: string;
  readonly adminPassword: string;
}

const NAME = 'cloud';

/** Whether the database belongs to a cloud already. */
export async function hasSharedCloud(db: SharedStateDb): Promise<boolean> {
  return (await findSecret(db, NAME)) !== undefined;
}

/**
 * Which cloud this database belongs to; it becomes `own`'s when it belongs to none.
 * @throws {Error} when the key is not that cloud's.
 */
export async function shareCloud(db: SharedStateDb, cloudKey: string, own: SharedCloud): Promise<SharedCloud> {
  if (await insertSecret(db, NAME, seal(cloudKey, NAME, JSON.stringify(own)))) return own;
  const known = await findSecret(db, NAME);
  return JSON.parse(unseal(cloudKey, NAME, known?.sealed ?? '')) as SharedCloud;
}
