/** What an operator may set of the image service, in section `image` of `pileus.yaml`. */
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
}

export const DEFAULT_IMAGE_CONFIG: ImageConfig = {
  maxImageBytes: 2 ** 40,
  downloadPorts: [80, 443],
  trustedDownloadHosts: [],
  showLocations: false,
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
  return config;
}

function isListOf(value: unknown, fits: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(fits);
}
