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
import { createCacheTask } from './cache/logic.ts';
import { cacheRoutes } from './cache/routes.ts';
import { type ImageConfig, listStores, readImageConfig } from './config.ts';
import type { ConvertDisk } from './conversion/contract.ts';
import { openFileStore } from './data/file-store.ts';
import { createStores } from './data/stores.ts';
import { discoveryRoutes } from './discovery/routes.ts';
import { imageErrorStyle } from './errors.ts';
import {
  type BootImage,
  getImageForBoot,
  type ImageSummary,
  openImageData,
  showImageTo,
  summarizeImage,
} from './images/boot.ts';
import { createImage } from './images/create.ts';
import { deleteImage } from './images/delete.ts';
import { runJanitor } from './images/janitor.ts';
import { listImages } from './images/list.ts';
import { changeOf } from './images/patch.ts';
import { type ImageRouteDeps, imageRoutes } from './images/routes.ts';
import { CACHE_STORE, CONVERTED_STORE, STAGING_STORE } from './images/store.ts';
import { type ImageTables, imageMigrations as imageTableMigrations } from './images/tables.ts';
import { updateImage } from './images/update.ts';
import { uploadImage } from './images/upload.ts';
import type { Resolve } from './imports/download.ts';
import type { Regions } from './imports/regions.ts';
import { IMPORT_METHODS } from './imports/request.ts';
import { importRoutes } from './imports/routes.ts';
import type { ImportDeps } from './imports/start.ts';
import { createImportTask } from './imports/task.ts';
import type { ImportTaskDeps } from './imports/work.ts';
import { memberRoutes } from './members/routes.ts';
import type { MetadefDeps } from './metadefs/access.ts';
import { metadefMigrations } from './metadefs/migrations/metadefs.ts';
import { metadefRoutes } from './metadefs/routes.ts';
import type { MetadefTables } from './metadefs/tables.ts';
import { endImageWork } from './operations/end.ts';
import { explainImage } from './operations/explain.ts';
import { imageOrphans } from './operations/orphans.ts';
import { imagePolicyRules, imageRefusal } from './policy.ts';
import type { LimitOf } from './quotas/logic.ts';
import { schemaRoutes } from './schemas/routes.ts';
import { tagRoutes } from './tags/routes.ts';
import { taskRoutes } from './tasks/routes.ts';
import { type ImageTaskTables, imageTaskMigrations } from './tasks/tables.ts';
import { versionRoutes } from './versions/routes.ts';

export { DEFAULT_IMAGE_CONFIG, type ImageConfig } from './config.ts';
export { createQemuImgConverter } from './conversion/drivers/qemu-img.ts';
export type { BootImage, ImageSummary } from './images/boot.ts';

export const imageMigrations: Migrations = { ...imageTableMigrations, ...imageTaskMigrations, ...metadefMigrations };

export interface ImageServiceDeps extends ServiceDeps {
  /** What differs from the defaults. */
  readonly config?: Partial<ImageConfig>;
  /** Projects' limits, as identity keeps them; none when absent. */
  readonly limitOf?: LimitOf;
  /** Converts what is imported; without it nothing is converted. */
  readonly convertDisk?: ConvertDisk;
  /** Where other regions are, for images that are imported from there; without it only this region's are. */
  readonly regions?: Regions;
  /** Looks up the names of downloads; the system's own when absent. */
  readonly resolve?: Resolve;
}

export interface ImageService extends Service {
  readonly type: 'image';
  /** An image that a server or volume shall be made from. @throws as {@link getImageForBoot}. */
  getImageForBoot(ctx: RequestContext, id: ImageId): Promise<BootImage>;
  /** An image that the caller may see, in any status. @throws {NotFound} `image.not_found`. */
  showImage(ctx: RequestContext, id: ImageId): Promise<ImageSummary>;
  /** The bytes of an active image, for hosts' caches. @throws {NotFound} `image.not_found`, `image.data.absent`. */
  openImageData(id: ImageId): Promise<Readable>;
  /**
   * Makes an image, as `POST /v2/images` would in the caller's name: for snapshots of servers and uploads of volumes.
   * @param attributes as on the wire, properties among them. @throws as {@link createImage}.
   */
  createImage(ctx: RequestContext, attributes: Readonly<Record<string, unknown>>): Promise<ImageSummary>;
  /** Gives an image its data, as an upload would: inspected, counted, all or nothing. @throws as {@link uploadImage}. */
  uploadImageData(ctx: RequestContext, id: ImageId, data: Readable): Promise<void>;
  /** Sets properties of an image, or removes those given as null. @throws as {@link updateImage}. */
  setImageProperties(
    ctx: RequestContext,
    id: ImageId,
    properties: Readonly<Record<string, string | null>>,
  ): Promise<ImageSummary>;
  /** Deletes an image and its data. @throws as {@link deleteImage}. */
  deleteImage(ctx: RequestContext, id: ImageId): Promise<void>;
  /** One page of the images that the caller may list, by the query of `GET /v2/images`. */
  listImages(ctx: RequestContext, query: URLSearchParams): Promise<ImageSummary[]>;
}

/**
 * Builds the service; its schema (`imageMigrations`) must be there, and it does not listen yet.
 * @throws {Error} for an option that cannot be.
 */
export function createImageService(given: ImageServiceDeps): ImageService {
  const { settings, clock, log, metrics, authenticator } = given;
  const config = readImageConfig(given.config ?? {});
  const policy = createPolicy({
    rules: imagePolicyRules,
    file: join(settings.configDir, 'image', 'policy.yaml'),
    log,
    monotonicMs: () => clock.monotonicMs(),
    refusal: imageRefusal,
  });
  const home = join(settings.dataDir, 'image');
  const stores = createStores(listStores(config, home).map(openFileStore), config.defaultStore, {
    staging: openFileStore({ id: STAGING_STORE, description: '', directory: join(home, 'staging') }),
    stagingNames: [STAGING_STORE, CONVERTED_STORE],
    cache: openFileStore({ id: CACHE_STORE, description: '', directory: join(home, 'cache') }),
  });
  const deps: ImageRouteDeps & ImportDeps & ImportTaskDeps = {
    db: given.db as Db<ImageTables & ImageTaskTables>,
    tasks: given.tasks,
    region: settings.region,
    limitOf: given.limitOf ?? (async () => undefined),
    downloadRules: { ports: config.downloadPorts, trustedHosts: config.trustedDownloadHosts },
    resolve: given.resolve,
    convertDisk: given.convertDisk,
    regions: given.regions,
    convertsImports: config.convertImportsTo === 'raw',
    showLocations: config.showLocations,
    policy,
    clock,
    stores,
    limits: { maxImageBytes: config.maxImageBytes },
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
      ...cacheRoutes(deps),
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
    taskKinds: [createImportTask(deps), createCacheTask(deps)],
    operations: {
      explain: (id) => explainImage(deps, id),
      cancel: (_ctx, id) => endImageWork(deps, id),
      force: (_ctx, id) => endImageWork(deps, id),
      orphans: imageOrphans({ ...deps, log }),
    },
    run: (signal) => runJanitor({ db: deps.db, clock, stores, log }, signal),
    getImageForBoot: (ctx, id) => getImageForBoot(deps, ctx, id),
    showImage: (ctx, id) => showImageTo(deps, ctx, id),
    openImageData: (id) => openImageData(deps, id),
    createImage: async (ctx, attributes) => summarizeImage(await createImage(deps, ctx, attributes)),
    uploadImageData: (ctx, id, data) => uploadImage(deps, ctx, id, { stream: data }, undefined),
    setImageProperties: async (ctx, id, properties) => {
      const changes = Object.entries(properties).map(([name, value]) => changeOf(name, value));
      return summarizeImage(await updateImage(deps, ctx, id, changes));
    },
    deleteImage: (ctx, id) => deleteImage(deps, ctx, id),
    listImages: async (ctx, query) => (await listImages(deps, ctx, query)).images.map(summarizeImage),
  };
}
