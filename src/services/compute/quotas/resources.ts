/** What compute's quotas limit, in the order in which answers have it, with the limit where nobody has set one. */
export const DEFAULT_LIMITS = {
  instances: 10,
  cores: 20,
  ram: 51_200,
  fixed_ips: -1,
  floating_ips: -1,
  metadata_items: 128,
  injected_files: 5,
  injected_file_content_bytes: 10_240,
  injected_file_path_bytes: 255,
  security_groups: -1,
  security_group_rules: -1,
  key_pairs: 100,
  server_groups: 10,
  server_group_members: 10,
} as const;

/** A resource of compute's quotas; `ram` is in MiB. */
export type QuotaResource = keyof typeof DEFAULT_LIMITS;

export const QUOTA_RESOURCES = Object.keys(DEFAULT_LIMITS) as readonly QuotaResource[];

/** Without limit. */
export const UNLIMITED = -1;

/** Limits by resource; {@link UNLIMITED} where there is none. */
export type Limits = Readonly<Record<QuotaResource, number>>;

/** What is in use now, by resource; those that are not counted per project are 0. */
export type Usage = Readonly<Record<QuotaResource, number>>;
