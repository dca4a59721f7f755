import { type Static, Type } from 'typebox';
import { before } from '#kernel/api/schema.ts';
import { BooleanWord, envelope, QuotaLimit, queryOf } from '../fields.ts';
import { compute } from '../microversions.ts';

const limit = Type.Optional(QuotaLimit);

/** Limits that went to the network service with 2.36 (in class sets with 2.50). */
const networkFields = (version: string) => ({
  fixed_ips: before(version, limit),
  floating_ips: before(version, limit),
  security_groups: before(version, limit),
  security_group_rules: before(version, limit),
  networks: before(version, limit),
});

const computeFields = {
  instances: limit,
  cores: limit,
  ram: limit,
  metadata_items: limit,
  key_pairs: limit,
  injected_files: before(compute.noPersonality, limit),
  injected_file_content_bytes: before(compute.noPersonality, limit),
  injected_file_path_bytes: before(compute.noPersonality, limit),
  server_groups: limit,
  server_group_members: limit,
};

/** @see nova/api/openstack/compute/schemas/quota_sets.py */
export const QuotaSetUpdate = envelope(
  'quota_set',
  Type.Object(
    { ...computeFields, ...networkFields(compute.noProxies), force: Type.Optional(BooleanWord) },
    { additionalProperties: false },
  ),
);
export type QuotaSetUpdate = Static<typeof QuotaSetUpdate>['quota_set'];

export const QuotaClassUpdate = envelope(
  'quota_class_set',
  Type.Object({ ...computeFields, ...networkFields(compute.quotaClassesWhole) }, { additionalProperties: false }),
);
export type QuotaClassUpdate = Static<typeof QuotaClassUpdate>['quota_class_set'];

export const QuotaQuery = queryOf({ user_id: Type.Optional(Type.String({ maxLength: 255 })) });
