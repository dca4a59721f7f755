import { type Static, Type } from 'typebox';
import { before, since } from '#kernel/api/schema.ts';
import { canonicalAddress } from '#kernel/net.ts';
import {
  BooleanWord,
  Description,
  envelope,
  Fqdn,
  LongDescription,
  Metadata,
  Name,
  PositiveInteger,
  Uuid,
} from '../fields.ts';

const closed = { additionalProperties: false };

/** Longest user data, base64: nova's column. */
const MAX_USER_DATA = 65_535;
/** Interfaces of one server: more than a guest has slots for. */
const MAX_NETWORKS = 64;
/** Security groups of one server. */
const MAX_GROUPS = 100;
/** Scheduler hints of one server; thousands of them once took a cloud down (OSSA-2012-009). */
const MAX_HINTS = 50;
/** Servers that one hint may name. */
const MAX_HINTED = 100;
/** Tags of one server. @see nova/objects/instance.py, MAX_TAG_COUNT */
export const MAX_TAGS = 50;

/** @see nova/api/validation/parameter_types.py, tag */
export const Tag = Type.String({ minLength: 1, maxLength: 60, pattern: '^[^,/]*$' });

const AccessIpV4 = Type.Union([Type.String({ format: 'ipv4' }), Type.Literal('')]);
const AccessIpV6 = Type.Union([Type.String({ format: 'ipv6' }), Type.Literal('')]);
const DiskConfig = Type.Union([Type.Literal('AUTO'), Type.Literal('MANUAL')]);
const Hostname = Type.String({ minLength: 2, maxLength: 63, pattern: '^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+$' });
export const TrustedCerts = Type.Union([
  Type.Array(Type.String({ minLength: 1 }), { minItems: 1, maxItems: 50, uniqueItems: true }),
  Type.Null(),
]);
export const FlavorRef = Type.Unsafe<string | number>({ type: ['string', 'integer'], minLength: 1, maxLength: 255 });
export const AdminPassword = Type.String({ maxLength: 255 });
export const UserData = Type.String({ format: 'base64', maxLength: MAX_USER_DATA });

const Personality = Type.Array(
  Type.Object({ path: Type.String(), contents: Type.String({ format: 'base64' }) }, closed),
  { maxItems: 100 },
);

const NetworkItem = Type.Object(
  {
    uuid: Type.Optional(Type.String({ maxLength: 255 })),
    port: Type.Optional(Type.Union([Uuid, Type.Null()])),
    fixed_ip: Type.Optional(Type.String({ format: 'ip' })),
    tag: since('2.32', Type.Optional(Tag)),
  },
  closed,
);

const Networks = Type.Optional(
  Type.Union([
    Type.Array(NetworkItem, { maxItems: MAX_NETWORKS }),
    since('2.37', Type.Union([Type.Literal('auto'), Type.Literal('none')])),
  ]),
);

const Device = Type.Object(
  {
    virtual_name: Type.Optional(Type.String({ maxLength: 255 })),
    volume_id: Type.Optional(Type.Union([Uuid, Type.Null()])),
    snapshot_id: Type.Optional(Type.String({ maxLength: 255 })),
    image_id: Type.Optional(Type.String({ maxLength: 255 })),
    volume_size: Type.Optional(
      Type.Unsafe<string | number | null>({ type: ['integer', 'string', 'null'], pattern: '^[0-9]+$', minimum: 1 }),
    ),
    device_name: Type.Optional(
      Type.Unsafe<string | null>({
        type: ['string', 'null'],
        minLength: 1,
        maxLength: 255,
        pattern: '^[a-zA-Z0-9._/-]*$',
      }),
    ),
    delete_on_termination: Type.Optional(BooleanWord),
    no_device: Type.Optional(Type.Unknown()),
    connection_info: Type.Optional(Type.String({ maxLength: 65_535 })),
    source_type: Type.Optional(
      Type.Union([Type.Literal('volume'), Type.Literal('image'), Type.Literal('snapshot'), Type.Literal('blank')]),
    ),
    uuid: Type.Optional(Type.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9._-]*$' })),
    destination_type: Type.Optional(Type.Union([Type.Literal('local'), Type.Literal('volume')])),
    guest_format: Type.Optional(Type.String({ maxLength: 255 })),
    device_type: Type.Optional(Type.String({ maxLength: 255 })),
    disk_bus: Type.Optional(Type.String({ maxLength: 255 })),
    boot_index: Type.Optional(
      Type.Unsafe<string | number | null>({ type: ['integer', 'string', 'null'], pattern: '^-?[0-9]+$' }),
    ),
    tag: since('2.32', Type.Optional(Tag)),
    volume_type: since('2.67', Type.Optional(Type.Union([Type.String({ maxLength: 255 }), Type.Null()]))),
  },
  closed,
);

/** Devices beyond those a guest could have. */
const MAX_DEVICES = 32;
const Devices = Type.Optional(Type.Array(Device, { maxItems: MAX_DEVICES }));

const UuidOrList = Type.Union([Uuid, Type.Array(Uuid, { maxItems: MAX_HINTED })]);
const Hints = Type.Object(
  {
    group: Type.Optional(UuidOrList),
    different_host: Type.Optional(UuidOrList),
    same_host: Type.Optional(UuidOrList),
  },
  { additionalProperties: true, maxProperties: MAX_HINTS },
);

const ServerCreate = Type.Object(
  {
    name: Name,
    imageRef: Type.Optional(Type.Union([Uuid, Type.Literal('')])),
    flavorRef: FlavorRef,
    adminPass: Type.Optional(AdminPassword),
    metadata: Type.Optional(Metadata),
    networks: Networks,
    'OS-DCF:diskConfig': Type.Optional(DiskConfig),
    accessIPv4: Type.Optional(AccessIpV4),
    accessIPv6: Type.Optional(AccessIpV6),
    personality: before('2.57', Type.Optional(Personality)),
    availability_zone: Type.Optional(Name),
    block_device_mapping: Devices,
    block_device_mapping_v2: Devices,
    config_drive: Type.Optional(BooleanWord),
    key_name: Type.Optional(Name),
    min_count: Type.Optional(PositiveInteger),
    max_count: Type.Optional(PositiveInteger),
    return_reservation_id: Type.Optional(BooleanWord),
    security_groups: Type.Optional(
      Type.Array(Type.Object({ name: Type.Optional(Name) }, closed), { maxItems: MAX_GROUPS }),
    ),
    user_data: Type.Optional(UserData),
    description: since('2.19', Type.Optional(Description)),
    tags: since('2.52', Type.Optional(Type.Array(Tag, { maxItems: MAX_TAGS }))),
    trusted_image_certificates: since('2.63', Type.Optional(TrustedCerts)),
    host: since('2.74', Type.Optional(Fqdn)),
    hypervisor_hostname: since('2.74', Type.Optional(Fqdn)),
    hostname: since('2.90', Type.Optional(Hostname)),
  },
  closed,
);
export type ServerInput = Static<typeof ServerCreate>;
export type DeviceInput = Static<typeof Device>;
export type HintsInput = Static<typeof Hints>;

export const CreateServerBody = Type.Object(
  {
    server: ServerCreate,
    'os:scheduler_hints': Type.Optional(Hints),
    'OS-SCH-HNT:scheduler_hints': Type.Optional(Hints),
  },
  closed,
);

/** A checked request for servers, and what its microversion brings. */
export interface CreateRequest {
  readonly server: ServerInput;
  readonly hints: HintsInput;
  has(feature: string): boolean;
}

export const UpdateServerBody = envelope(
  'server',
  Type.Object(
    {
      name: Type.Optional(Name),
      'OS-DCF:diskConfig': Type.Optional(DiskConfig),
      accessIPv4: Type.Optional(AccessIpV4),
      accessIPv6: Type.Optional(AccessIpV6),
      description: since('2.19', Type.Optional(LongDescription)),
      hostname: since('2.90', Type.Optional(Hostname)),
    },
    closed,
  ),
);
export type ServerUpdate = Static<typeof UpdateServerBody>['server'];

export const RebuildInput = Type.Object(
  {
    name: Type.Optional(Name),
    imageRef: Uuid,
    adminPass: Type.Optional(AdminPassword),
    metadata: Type.Optional(Metadata),
    preserve_ephemeral: Type.Optional(BooleanWord),
    'OS-DCF:diskConfig': Type.Optional(DiskConfig),
    accessIPv4: Type.Optional(AccessIpV4),
    accessIPv6: Type.Optional(AccessIpV6),
    personality: before('2.57', Type.Optional(Personality)),
    description: since('2.19', Type.Optional(Description)),
    key_name: since('2.54', Type.Optional(Type.Union([Name, Type.Null()]))),
    user_data: since('2.57', Type.Optional(Type.Union([UserData, Type.Null()]))),
    trusted_image_certificates: since('2.63', Type.Optional(TrustedCerts)),
    hostname: since('2.90', Type.Optional(Hostname)),
  },
  closed,
);
export type RebuildInput = Static<typeof RebuildInput>;

/** Reads a checked `accessIPv4` or `accessIPv6`: in its one short form; empty is none. */
export function accessAddress(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : (canonicalAddress(text) ?? text);
}
