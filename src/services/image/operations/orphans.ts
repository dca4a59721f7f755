/** Image's ways for something to be owned by nobody. */
import { inTransaction } from '#kernel/db/transaction.ts';
import type { Orphan, OrphanCheck } from '#kernel/operations/explanation.ts';
import { removeData } from '../images/delete.ts';
import { findUnknownFiles, type JanitorDeps, removeUnknownFile } from '../images/janitor.ts';
import { type EndDeps, endImageWork } from './end.ts';
import { deleteLocationWithoutImage, listLocationsWithoutImage, listLocksWithoutImport } from './store.ts';

export function imageOrphans(deps: EndDeps & JanitorDeps): OrphanCheck[] {
  return [
    {
      name: 'image.data_without_image',
      find: (limit) => findDataWithoutImage(deps, limit),
      clear: (id) => clearDataWithoutImage(deps, id),
    },
    {
      name: 'image.file_without_image',
      find: (limit) => findFilesWithoutImage(deps, limit),
      clear: (id) => {
        const [store = '', name = ''] = id.split(':');
        return removeUnknownFile(deps, store, name);
      },
    },
    {
      name: 'image.lock_without_import',
      find: (limit) => findLocksWithoutImport(deps, limit),
      clear: (id) => clearLockWithoutImport(deps, id),
    },
  ];
}

async function findDataWithoutImage(deps: EndDeps, limit: number): Promise<Orphan[]> {
  return (await listLocationsWithoutImage(deps.db, limit)).map((row) => ({
    id: row.data_id,
    what: {
      en: `record of data ${row.data_id} in store ${row.store}`,
      zh: `存储 ${row.store} 中数据 ${row.data_id} 的记录`,
    },
    why: { en: `image ${row.image_id}, whose it was, does not exist`, zh: `其所属镜像 ${row.image_id} 不存在` },
    since: row.created_at,
  }));
}

async function clearDataWithoutImage(deps: EndDeps, id: string): Promise<boolean> {
  const row = await inTransaction(deps.db, (tx) => deleteLocationWithoutImage(tx, id));
  if (row === undefined) return false;
  await removeData(deps.stores, row);
  return true;
}

async function findFilesWithoutImage(deps: JanitorDeps, limit: number): Promise<Orphan[]> {
  const found: Orphan[] = [];
  for await (const { store, name, modifiedMs } of findUnknownFiles(deps)) {
    found.push({
      id: `${store.id}:${name}`,
      what: { en: `file ${name} in store ${store.id}`, zh: `存储 ${store.id} 中的文件 ${name}` },
      why: { en: 'no image knows it', zh: '没有镜像使用它' },
      since: Math.round(modifiedMs),
    });
    if (found.length >= limit) break;
  }
  return found;
}

async function findLocksWithoutImport(deps: EndDeps, limit: number): Promise<Orphan[]> {
  return (await listLocksWithoutImport(deps.db, limit)).map((lock) => ({
    id: lock.image_id,
    what: { en: `lock of image ${lock.image_id}`, zh: `镜像 ${lock.image_id} 的锁` },
    why: { en: `import ${lock.value}, which held it, has ended`, zh: `持有它的导入 ${lock.value} 已结束` },
    since: null,
  }));
}

/** The image is locked by nobody: it becomes as if the import had been cancelled. */
async function clearLockWithoutImport(deps: EndDeps, id: string): Promise<boolean> {
  const locks = await listLocksWithoutImport(deps.db, MAX_LOCKS);
  if (!locks.some(({ image_id: imageId }) => imageId === id)) return false;
  return (await endImageWork(deps, id))?.outcome === 'accepted';
}

/** Locks looked through for one; there are as many as imports were interrupted. */
const MAX_LOCKS = 10_000;
