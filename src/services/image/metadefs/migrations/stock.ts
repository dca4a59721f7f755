/** Definitions that a new cloud begins with: the properties of images and flavors that Pileus itself looks at. */
import type { Db } from '#kernel/db/database.ts';
import { toJson } from '#kernel/db/json.ts';
import { newUuid } from '#kernel/ids.ts';
import type { MetadefTables } from '../tables.ts';

/** A property as its JSON schema. */
export interface Property {
  readonly title: string;
  readonly description?: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'array';
  readonly enum?: readonly (string | number)[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: string | number | boolean;
  readonly items?: { readonly type: string; readonly enum?: readonly string[] };
}

export interface StockNamespace {
  readonly namespace: string;
  readonly title: string;
  readonly description?: string;
  /** Resource types, and what goes before the properties' names on each. */
  readonly resources: readonly (readonly [name: string, prefix?: string])[];
  readonly properties: Readonly<Record<string, Property>>;
  /** Properties that belong together. */
  readonly objects?: Readonly<Record<string, Readonly<Record<string, Property>>>>;
}

const IMAGE = 'OS::Glance::Image';
const VOLUME = 'OS::Cinder::Volume';
const FLAVOR = 'OS::Nova::Flavor';

const text = (title: string, description: string, values?: readonly string[]): Property => ({
  title,
  description,
  type: 'string',
  ...(values === undefined ? {} : { enum: values }),
});
const number = (title: string, description: string): Property => ({ title, description, type: 'integer', minimum: 1 });
const flag = (title: string, description: string): Property => ({ title, description, type: 'boolean' });

/** Names of namespaces and properties are the real service's. @see https://docs.openstack.org/glance/latest/admin/useful-image-properties.html */
const STOCK: readonly StockNamespace[] = [
  {
    namespace: 'OS::Compute::LibvirtImage',
    title: 'Virtual hardware',
    description: 'The hardware that servers made from an image are given.',
    resources: [[IMAGE], [VOLUME]],
    properties: {
      hw_disk_bus: text('Disk bus', 'The controller that disks are attached to.', [
        'virtio',
        'scsi',
        'sata',
        'ide',
        'usb',
      ]),
      hw_cdrom_bus: text('CD-ROM bus', 'The controller that CD-ROM drives are attached to.', ['scsi', 'sata', 'ide']),
      hw_scsi_model: text('SCSI controller', 'The model of the SCSI controller, where the bus is scsi.', [
        'virtio-scsi',
        'lsilogic',
        'buslogic',
      ]),
      hw_vif_model: text('Network card', 'The model of network cards.', [
        'virtio',
        'e1000',
        'e1000e',
        'rtl8139',
        'ne2k_pci',
        'pcnet',
      ]),
      hw_video_model: text('Video card', 'The model of the video card.', ['vga', 'cirrus', 'qxl', 'virtio', 'none']),
      hw_machine_type: text('Machine type', 'The board that is emulated, such as q35.'),
      hw_firmware_type: text('Firmware', 'What starts the guest.', ['bios', 'uefi']),
      hw_rng_model: text('Random numbers', 'The device that gives the guest random numbers.', ['virtio']),
      hw_rescue_device: text('Rescue device', 'What kind of device the rescue disk is.', ['disk', 'cdrom', 'floppy']),
      hw_rescue_bus: text('Rescue bus', 'The bus that the rescue disk is attached to.', [
        'virtio',
        'scsi',
        'sata',
        'ide',
        'usb',
      ]),
      hw_qemu_guest_agent: text('Guest agent', 'Whether the guest runs the QEMU guest agent.', ['yes', 'no']),
      hw_vif_multiqueue_enabled: flag('Network queues', 'Whether network cards have a queue for each processor.'),
      img_config_drive: text('Config drive', 'Whether the guest needs a config drive.', ['mandatory', 'optional']),
    },
  },
  {
    namespace: 'OS::Compute::VirtCPUTopology',
    title: 'Processor topology',
    description: "How a server's virtual processors are arranged.",
    resources: [
      [IMAGE, 'hw_'],
      [VOLUME, 'hw_'],
      [FLAVOR, 'hw:'],
    ],
    properties: {
      cpu_sockets: number('Sockets', 'Preferred number of sockets.'),
      cpu_cores: number('Cores', 'Preferred number of cores in each socket.'),
      cpu_threads: number('Threads', 'Preferred number of threads in each core.'),
      cpu_max_sockets: number('Most sockets', 'The most sockets that the guest can use.'),
      cpu_max_cores: number('Most cores', 'The most cores that the guest can use.'),
      cpu_max_threads: number('Most threads', 'The most threads that the guest can use.'),
    },
  },
  {
    namespace: 'OS::Compute::Watchdog',
    title: 'Watchdog',
    description: 'What happens when a guest hangs.',
    resources: [
      [IMAGE, 'hw_'],
      [VOLUME, 'hw_'],
      [FLAVOR, 'hw:'],
    ],
    properties: {
      watchdog_action: text('Action', 'What the watchdog does when the guest no longer answers it.', [
        'disabled',
        'reset',
        'poweroff',
        'pause',
        'none',
      ]),
    },
  },
  {
    namespace: 'OS::Compute::RandomNumberGenerator',
    title: 'Random numbers',
    description: 'Whether, and how fast, servers of a flavor get random numbers from their host.',
    resources: [[FLAVOR]],
    properties: {
      'hw_rng:allowed': flag('Allowed', 'Whether servers get the device at all.'),
      'hw_rng:rate_bytes': number('Bytes', 'The most bytes in one period.'),
      'hw_rng:rate_period': number('Period', 'The period in milliseconds.'),
    },
  },
  {
    namespace: 'OS::Compute::Quota',
    title: 'Limits of a flavor',
    description: 'How much of the host servers of a flavor may use.',
    resources: [[FLAVOR, 'quota:']],
    properties: {
      cpu_shares: number('Processor weight', 'The weight against other servers when processors are short.'),
      cpu_period: number('Processor period', 'The period of the processor limit in microseconds.'),
      cpu_quota: number('Processor limit', 'Microseconds of each period that every virtual processor may run.'),
      disk_read_bytes_sec: number('Disk reading', 'Bytes a second that may be read.'),
      disk_write_bytes_sec: number('Disk writing', 'Bytes a second that may be written.'),
      disk_read_iops_sec: number('Disk reads', 'Reads a second.'),
      disk_write_iops_sec: number('Disk writes', 'Writes a second.'),
      vif_inbound_average: number('Network in', 'Kilobytes a second that may come in.'),
      vif_outbound_average: number('Network out', 'Kilobytes a second that may go out.'),
    },
  },
  {
    namespace: 'OS::Compute::GuestShutdownBehavior',
    title: 'Shutting down',
    description: 'How long a guest is given to shut down by itself.',
    resources: [[IMAGE]],
    properties: { os_shutdown_timeout: number('Timeout', 'Seconds until the guest is switched off.') },
  },
  {
    namespace: 'OS::OperatingSystem',
    title: 'Operating system',
    description: 'What an image holds, for people and programs that choose among images.',
    resources: [[IMAGE], [VOLUME]],
    properties: {
      os_distro: text('Distribution', 'The short name of the operating system, such as debian.'),
      os_version: text('Version', 'The version as its makers give it.'),
      os_admin_user: text('Administrator', 'The user to log in as.'),
      os_type: text('Family', 'The family of the operating system.', ['linux', 'windows']),
    },
  },
];

/** Writes the definitions of what Pileus looks at; those that are there stay as they are. */
export function insertStockNamespaces(db: Db): Promise<void> {
  return insertNamespaces(db, STOCK);
}

/** Writes definitions; those that are there stay as they are. */
export async function insertNamespaces(db: Db, namespaces: readonly StockNamespace[]): Promise<void> {
  const tables = db as Db<MetadefTables>;
  const at = { created_at: STOCK_MS, updated_at: STOCK_MS };
  const types = new Set(namespaces.flatMap(({ resources }) => resources.map(([name]) => name)));
  const known = await tables.selectFrom('metadef_resource_types').select('name').execute();
  for (const name of types)
    if (!known.some((row) => row.name === name))
      await tables
        .insertInto('metadef_resource_types')
        .values({ name, ...at })
        .execute();
  for (const stock of namespaces) {
    const isThere = await tables
      .selectFrom('metadef_namespaces')
      .select('id')
      .where('namespace', '=', stock.namespace)
      .executeTakeFirst();
    if (isThere === undefined) await insertStock(tables, stock, at);
  }
}

/** Their date: that of the first version. */
const STOCK_MS = Date.UTC(2026, 0, 1);

async function insertStock(
  db: Db<MetadefTables>,
  stock: StockNamespace,
  at: { readonly created_at: number; readonly updated_at: number },
): Promise<void> {
  const id = newUuid();
  const { namespace, title, description = null, resources, properties, objects = {} } = stock;
  await db
    .insertInto('metadef_namespaces')
    .values({
      id,
      namespace,
      display_name: title,
      description,
      visibility: 'public',
      is_protected: 1,
      owner: null,
      ...at,
    })
    .execute();
  for (const [resource_type, prefix = null] of resources) {
    await db
      .insertInto('metadef_associations')
      .values({ namespace_id: id, resource_type, prefix, properties_target: null, ...at })
      .execute();
  }
  for (const [name, body] of Object.entries(properties)) {
    await db
      .insertInto('metadef_items')
      .values({ namespace_id: id, kind: 'property', name, body: toJson({ ...body }), ...at })
      .execute();
  }
  for (const [name, members] of Object.entries(objects)) {
    await db
      .insertInto('metadef_items')
      .values({ namespace_id: id, kind: 'object', name, body: toJson({ properties: members }), ...at })
      .execute();
  }
}
