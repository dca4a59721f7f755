import { isAbsolute, resolve } from 'node:path';

/** A place for image data: a folder, which may be a mounted file system that several controllers share. */
export interface StoreConfig {
  /** The store's name for clients. */
  readonly id: string;
  readonly description?: string;
  /** Absolute; a folder of the store's name in the controller's own when absent. */
  readonly directory?: string;
  /** Takes no more images: those that it holds are served, and removed when they are deleted. */
  readonly read_only?: boolean;
}

/** What an operator may set of the image service, in section `image` of `pileus.yaml`. See `docs/images.md`. */
export interface ImageConfig {
  /** Bytes that one image may have: glance's `image_size_cap`. */
  readonly maxImageBytes: number;
  /** Ports that downloads may ask: glance's `allowed_ports`. */
  readonly downloadPorts: readonly number[];
  /** Hosts that downloads may ask although they are not of the public internet: a mirror in the own network, by name or address. */
  readonly trustedDownloadHosts: readonly string[];
  /**
   * Whether clients see where an image's data is, and may name places on the web themselves: glance's
   * `show_multiple_locations`. No server boots from such an image, as nobody has looked at its data.
   */
  readonly showLocations: boolean;
  /** Stores besides `local`, which there always is (one of this name here says what it is like). */
  readonly stores: readonly StoreConfig[];
  /** Where data goes when nothing else is asked for. */
  readonly defaultStore: string;
  /** What imported disks are converted to; null leaves them as they come. glance's plug-in `image_conversion`. */
  readonly convertImportsTo: 'raw' | null;
}

/** The store that there always is. */
export const LOCAL_STORE = { id: 'local', description: 'Files of the controller' } as const satisfies StoreConfig;
/** More stores than any cloud has. */
const MAX_STORES = 64;
/** What is safe in a header, a list with commas and a path. Names with `os_glance_` are the service's own. */
const STORE_NAME = /^(?!os_glance_)[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

export const DEFAULT_IMAGE_CONFIG: ImageConfig = {
  maxImageBytes: 2 ** 40,
  downloadPorts: [80, 443],
  trustedDownloadHosts: [],
  showLocations: false,
  stores: [],
  defaultStore: LOCAL_STORE.id,
  convertImportsTo: null,
};

/**
 * Fills in what is not set.
 * @throws {Error} naming an option that cannot be.
 */
export function readImageConfig(given: Partial<ImageConfig>): ImageConfig {
  const config = { ...DEFAULT_IMAGE_CONFIG, ...given };
  if (!Number.isSafeInteger(config.maxImageBytes) || config.maxImageBytes < 1)
    throw new Error('image.max_image_bytes must be a whole number of bytes');
  if (!isListOf(config.downloadPorts, (port) => Number.isInteger(port)))
    throw new Error('image.download_ports must be a list of ports');
  if (!isListOf(config.trustedDownloadHosts, (host) => typeof host === 'string'))
    throw new Error('image.trusted_download_hosts must be a list of host names or addresses');
  if (config.convertImportsTo !== null && config.convertImportsTo !== 'raw')
    throw new Error('image.convert_imports_to must be raw or null');
  checkStores(config);
  return config;
}

/** The stores as they are to be opened, `local` among them. @param home the folder of those that name none. */
export function listStores({ stores }: ImageConfig, home: string): Required<StoreConfig>[] {
  const all = stores.some(({ id }) => id === LOCAL_STORE.id) ? stores : [LOCAL_STORE, ...stores];
  return all.map((store) => ({ description: '', directory: resolve(home, store.id), read_only: false, ...store }));
}

function checkStores(config: ImageConfig): void {
  const { stores, defaultStore } = config;
  if (!isListOf(stores, isStore) || stores.length > MAX_STORES) {
    throw new Error(
      'image.stores must be a list such as [{ id: fast, description: "SSDs", directory: /srv/fast, read_only: false }], of which only the id must be given, with letters, digits, _ and -',
    );
  }
  const all = listStores(config, '/dev/null');
  for (const [what, values] of [
    ['id', all.map(({ id }) => id)],
    ['directory', all.map(({ directory }) => resolve(directory))],
  ] as const) {
    const twice = values.find((value, index) => values.indexOf(value) !== index);
    if (twice !== undefined) throw new Error(`image.stores has the ${what} ${twice} twice`);
  }
  const usual = all.find(({ id }) => id === defaultStore);
  if (usual === undefined || usual.read_only)
    throw new Error(`image.default_store must be a store that takes images: ${all.map(({ id }) => id).join(', ')}`);
}

function isStore(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { id, description = '', directory = '/', read_only = false, ...rest } = value as Record<string, unknown>;
  return (
    typeof id === 'string' &&
    STORE_NAME.test(id) &&
    typeof description === 'string' &&
    typeof directory === 'string' &&
    isAbsolute(directory) &&
    typeof read_only === 'boolean' &&
    Object.keys(rest).length === 0
  );
}

function isListOf(value: unknown, fits: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(fits);
}
