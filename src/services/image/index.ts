/** Images (Glance's API v2): disks for servers and volumes, their metadata, and who may use them. */
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { RequestContext } from '#kernel/auth/context.ts';
import { createPolicy } from '#kernel/auth/policy.ts';
import type { Db } from '#kernel/db/database.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import { createServiceApp } from '#kernel/http/service-app.ts';
import type { ImageId } from '#kernel/ids.ts';
import type { Service, ServiceDeps } from '#kernel/service.ts';
import { openFileStore } from './data/file-store.ts';
import { createStores } from './data/stores.ts';
import { discoveryRoutes } from './discovery/routes.ts';
import { imageErrorStyle } from './errors.ts';
import { type BootImage, getImageForBoot, type ImageSummary, openImageData, showImageTo } from './images/boot.ts';
import { runJanitor } from './images/janitor.ts';
import { type ImageRouteDeps, imageRoutes } from './images/routes.ts';
import { type ImageTables, imageMigrations as imageTableMigrations } from './images/tables.ts';
import { DEFAULT_DOWNLOAD_RULES, type DownloadRules } from './imports/addresses.ts';
import type { Resolve } from './imports/download.ts';
import { IMPORT_METHODS } from './imports/request.ts';
import { importRoutes } from './imports/routes.ts';
import type { ImportDeps } from './imports/start.ts';
import { createImportTask } from './imports/task.ts';
import { memberRoutes } from './members/routes.ts';
import type { MetadefDeps } from './metadefs/access.ts';
import { metadefMigrations } from './metadefs/migrations/metadefs.ts';
import { metadefRoutes } from './metadefs/routes.ts';
import type { MetadefTables } from './metadefs/tables.ts';
import { imagePolicyRules, imageRefusal } from './policy.ts';
import { schemaRoutes } from './schemas/routes.ts';
import { tagRoutes } from './tags/routes.ts';
import { taskRoutes } from './tasks/routes.ts';
import { type ImageTaskTables, imageTaskMigrations } from './tasks/tables.ts';
import { versionRoutes } from './versions/routes.ts';

export type { BootImage, ImageSummary } from './images/boot.ts';

export const imageMigrations: Migrations = { ...imageTableMigrations, ...imageTaskMigrations, ...metadefMigrations };

export interface ImageServiceDeps extends ServiceDeps {
  /** Further places for image data besides the controller's own folder; the first one given becomes the default. */
  readonly imageStores?: readonly { readonly id: string; readonly description?: string; readonly directory: string }[];
  /** What imports by `web-download` may reach; ports 80 and 443 of the public internet when absent. */
  readonly downloadRules?: DownloadRules;
  /** Looks up the names of downloads; the system's own when absent. */
  readonly resolve?: Resolve;
  /** Bytes that one image may have; glance's default of 1 TiB when absent. */
  readonly maxImageBytes?: number;
}

export interface ImageService extends Service {
  readonly type: 'image';
  /** An image that a server or volume shall be made from. @throws as {@link getImageForBoot}. */
  getImageForBoot(ctx: RequestContext, id: ImageId): Promise<BootImage>;
  /** An image that the caller may see, in any status. @throws {NotFound} `image.not_found`. */
  showImage(ctx: RequestContext, id: ImageId): Promise<ImageSummary>;
  /** The bytes of an active image, for hosts' caches. @throws {NotFound} `image.not_found`, `image.data.absent`. */
  openImageData(id: ImageId): Promise<Readable>;
}

/** glance's `image_size_cap`. */
const DEFAULT_MAX_IMAGE_BYTES = 2 ** 40;

/** Builds the service; its schema (`imageMigrations`) must be there, and it does not listen yet. */
export function createImageService(given: ImageServiceDeps): ImageService {
  const { settings, clock, log, metrics, authenticator } = given;
  const policy = createPolicy({
    rules: imagePolicyRules,
    file: join(settings.configDir, 'image', 'policy.yaml'),
    log,
    monotonicMs: () => clock.monotonicMs(),
    refusal: imageRefusal,
  });
  const home = join(settings.dataDir, 'image');
  const own = { id: 'local', description: 'Files of the controller', directory: join(home, 'local') };
  const [first, ...more] = (given.imageStores ?? []).map((store) => openFileStore({ description: '', ...store }));
  const stores = createStores(
    first === undefined ? [openFileStore(own)] : [first, ...more, openFileStore(own)],
    openFileStore({ id: 'staging', description: '', directory: join(home, 'staging') }),
  );
  const deps: ImageRouteDeps & ImportDeps = {
    db: given.db as Db<ImageTables & ImageTaskTables>,
    tasks: given.tasks,
    downloadRules: given.downloadRules ?? DEFAULT_DOWNLOAD_RULES,
    policy,
    clock,
    stores,
    limits: { maxImageBytes: given.maxImageBytes ?? DEFAULT_MAX_IMAGE_BYTES },
    importMethods: IMPORT_METHODS,
  };
  const app = createServiceApp({
    type: 'image',
    routes: [
      ...versionRoutes(),
      ...imageRoutes(deps),
      ...memberRoutes(deps),
      ...tagRoutes(deps),
      ...schemaRoutes(),
      ...discoveryRoutes(deps),
      ...importRoutes(deps),
      ...taskRoutes(deps),
      ...metadefRoutes({ ...deps, db: given.db as Db<MetadefTables> } satisfies MetadefDeps),
    ],
    style: imageErrorStyle,
    isSlashStrict: true,
    policy,
    authenticator,
    publicUrl: settings.publicUrls['image'] ?? '',
    identityUrl: settings.publicUrls['identity'] ?? '',
    clock,
    log,
    metrics,
  });
  return {
    type: 'image',
    app,
    taskKinds: [createImportTask({ ...deps, resolve: given.resolve })],
    run: (signal) => runJanitor({ db: deps.db, clock, stores, log }, signal),
    getImageForBoot: (ctx, id) => getImageForBoot(deps, ctx, id),
    showImage: (ctx, id) => showImageTo(deps, ctx, id),
    openImageData: (id) => openImageData(deps, id),
  };
}
