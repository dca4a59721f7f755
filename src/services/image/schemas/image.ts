import { DISK_FORMATS } from '../formats/format.ts';
import { CONTAINER_FORMATS, IMAGE_STATUSES, VISIBILITIES } from '../images/states.ts';

export const UUID_PATTERN = '^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$';

const readOnly = <T extends object>(schema: T) => ({ ...schema, readOnly: true });

/** The attributes of an image, as the schema document states them. @see glance/api/v2/images.py get_base_properties */
export const imageProperties = {
  id: { type: 'string', description: 'An identifier for the image', pattern: UUID_PATTERN },
  name: { type: ['null', 'string'], description: 'Descriptive name for the image', maxLength: 255 },
  status: readOnly({ type: 'string', description: 'Status of the image', enum: IMAGE_STATUSES }),
  visibility: { type: 'string', description: 'Scope of image accessibility', enum: VISIBILITIES },
  protected: { type: 'boolean', description: 'If true, image will not be deletable.' },
  os_hidden: { type: 'boolean', description: 'If true, image will not appear in default image list response.' },
  checksum: readOnly({ type: ['null', 'string'], description: 'md5 hash of image contents.', maxLength: 32 }),
  os_hash_algo: readOnly({
    type: ['null', 'string'],
    description: 'Algorithm to calculate the os_hash_value',
    maxLength: 64,
  }),
  os_hash_value: readOnly({
    type: ['null', 'string'],
    description: 'Hexdigest of the image contents using the algorithm specified by the os_hash_algo',
    maxLength: 128,
  }),
  owner: { type: ['null', 'string'], description: 'Owner of the image', maxLength: 255 },
  size: readOnly({ type: ['null', 'integer'], description: 'Size of image file in bytes' }),
  virtual_size: readOnly({ type: ['null', 'integer'], description: 'Virtual size of image in bytes' }),
  container_format: {
    type: ['null', 'string'],
    description: 'Format of the container',
    enum: [null, ...CONTAINER_FORMATS],
  },
  disk_format: { type: ['null', 'string'], description: 'Format of the disk', enum: [null, ...DISK_FORMATS] },
  created_at: readOnly({ type: 'string', description: 'Date and time of image registration' }),
  updated_at: readOnly({ type: 'string', description: 'Date and time of the last image modification' }),
  tags: {
    type: 'array',
    description: 'List of strings related to the image',
    items: { type: 'string', maxLength: 255 },
  },
  direct_url: readOnly({ type: 'string', description: 'URL to access the image file kept in external store' }),
  min_ram: { type: 'integer', description: 'Amount of ram (in MB) required to boot image.' },
  min_disk: { type: 'integer', description: 'Amount of disk space (in GB) required to boot image.' },
  self: readOnly({ type: 'string', description: 'An image self url' }),
  file: readOnly({ type: 'string', description: 'An image file url' }),
  stores: readOnly({
    type: 'string',
    description:
      'Store in which image data resides.  Only present when the operator has enabled multiple stores.  May be a comma-separated list of store identifiers.',
  }),
  schema: readOnly({ type: 'string', description: 'An image schema url' }),
  locations: {
    type: 'array',
    items: {
      type: 'object',
      properties: {
        url: { type: 'string', maxLength: 255 },
        metadata: { type: 'object' },
        validation_data: {
          description:
            "Values to be used to populate the corresponding image properties. If the image status is not 'queued', values must exactly match those already contained in the image properties.",
          type: 'object',
          writeOnly: true,
          additionalProperties: false,
          properties: {
            checksum: { type: 'string', minLength: 32, maxLength: 32 },
            os_hash_algo: { type: 'string', maxLength: 64 },
            os_hash_value: { type: 'string', maxLength: 128 },
          },
          required: ['os_hash_algo', 'os_hash_value'],
        },
      },
      required: ['url', 'metadata'],
    },
    description: 'A set of URLs to access the image file kept in external store',
  },
  ...commonProperties(),
} as const;

/** What the real service's `schema-image.json` brings: properties of images that hypervisors and guests look at. */
function commonProperties() {
  const property = <T extends object>(schema: T) => ({ ...schema, is_base: false });
  const architecture =
    'Operating system architecture as specified in https://docs.openstack.org/python-glanceclient/latest/cli/property-keys.html';
  return {
    kernel_id: property({
      type: ['null', 'string'],
      pattern: UUID_PATTERN,
      description: 'ID of image stored in Glance that should be used as the kernel when booting an AMI-style image.',
    }),
    ramdisk_id: property({
      type: ['null', 'string'],
      pattern: UUID_PATTERN,
      description: 'ID of image stored in Glance that should be used as the ramdisk when booting an AMI-style image.',
    }),
    instance_uuid: property({
      type: 'string',
      description:
        'Metadata which can be used to record which instance this image is associated with. (Informational only, does not create an instance snapshot.)',
    }),
    architecture: property({ type: 'string', description: architecture }),
    os_distro: property({
      type: 'string',
      description:
        'Common name of operating system distribution as specified in https://docs.openstack.org/python-glanceclient/latest/cli/property-keys.html',
    }),
    os_version: property({ type: 'string', description: 'Operating system version as specified by the distributor.' }),
    description: property({ type: 'string', description: 'A human-readable string describing this image.' }),
    cinder_encryption_key_id: property({
      type: 'string',
      description:
        'Identifier in the OpenStack Key Management Service for the encryption key for the Block Storage Service to use when mounting a volume created from this image',
    }),
    cinder_encryption_key_deletion_policy: property({
      type: 'string',
      enum: ['on_image_deletion', 'do_not_delete'],
      description:
        'States the condition under which the Image Service will delete the object associated with the cinder_encryption_key_id image property.  If this property is missing, the Image Service will take no action',
    }),
  } as const;
}

/** Attributes that no client may name in a request at all. */
export const DISALLOWED = ['direct_url', 'self', 'file', 'schema', 'stores'] as const;
/** Attributes that only the service writes. */
export const READ_ONLY = [
  'created_at',
  'updated_at',
  'status',
  'checksum',
  'size',
  'virtual_size',
  ...DISALLOWED,
  'id',
  'os_hash_algo',
  'os_hash_value',
] as const;
/** Names that no property may have. */
export const RESERVED = ['location', 'deleted', 'deleted_at'] as const;
/** Names that begin like this are the service's own. */
export const RESERVED_NAMESPACE = 'os_glance';
