import type { Generated } from 'kysely';
import { columns } from '#kernel/db/columns.ts';
import type { Bit, EpochMs, JsonText } from '#kernel/db/json.ts';
import type { Migrations } from '#kernel/db/migrate.ts';
import type { PowerState } from '#protocol/guests.ts';
import type { BootImage, ServerPort } from '../peers.ts';
import { type SnapshotTables, snapshotMigrations } from './snapshots/tables.ts';
import type { TaskState, VmState } from './states.ts';

/** The flavor as it was when the server was made or last resized; later changes of the flavor do not touch the server. */
export interface ServerFlavor {
  readonly id: string;
  readonly name: string;
  readonly memoryMib: number;
  readonly vcpus: number;
  readonly rootGib: number;
  readonly ephemeralGib: number;
  readonly swapMib: number;
  readonly rxtxFactor: number;
  readonly extraSpecs: Readonly<Record<string, string>>;
}

/** The image as it was when the server was made or last rebuilt. */
export type ServerImage = Pick<BootImage, 'id' | 'name' | 'properties'> & {
  readonly diskFormat: 'raw' | 'qcow2' | 'iso';
  readonly sizeBytes: number;
  readonly sha512: string;
};

/** A port that the server has or is to have; its id is chosen with the server, so that making it can be repeated. */
export interface PlannedPort {
  readonly portId: string;
  readonly networkId: string;
  readonly fixedIp: string | null;
  readonly tag: string | null;
  /** Given by the user: unbound, not deleted, with the server. */
  readonly isUserPort: boolean;
}

export interface DetachingPort {
  readonly portId: string;
  /** The host's desired revision from which on the guest is without it. */
  readonly revision: number;
}

export interface ServerKeyPair {
  readonly name: string;
  readonly type: 'ssh' | 'x509';
  readonly data: string;
}

/** Why a server is in error, for its owner; `details` are for administrators, and name hosts. */
export interface ServerFault {
  readonly code: number;
  readonly message: string;
  readonly details: string | null;
  readonly createdAt: EpochMs;
}

/** What a user wishes of the place of a server. */
export interface SchedulerHints {
  readonly sameHost: readonly string[];
  readonly differentHost: readonly string[];
  readonly groupId: string | null;
}

export interface ServerRow {
  /** Rises in the order of making: the end of every order, and the number in EC2's and libvirt's names. */
  number: Generated<number>;
  id: string;
  project_id: string;
  user_id: string;
  name: string;
  description: string | null;
  hostname: string;
  reservation_id: string;
  launch_index: number;
  /** The host that has the guest; null before one is chosen and after it is given back. */
  host_id: string | null;
  /** As asked for; null is anywhere. */
  availability_zone: string | null;
  /** As an administrator asked for. */
  requested_host_id: string | null;
  scheduler_hints: JsonText<SchedulerHints>;
  flavor: JsonText<ServerFlavor>;
  flavor_id: string;
  /** What a resize that is neither confirmed nor reverted has come from. */
  old_flavor: JsonText<ServerFlavor> | null;
  old_vm_state: VmState | null;
  /** Of the flavor (the larger one while a resize is open), for counting. */
  vcpus: number;
  memory_mib: number;
  image: JsonText<ServerImage> | null;
  image_id: string | null;
  key_name: string | null;
  key_pair: JsonText<ServerKeyPair> | null;
  /** base64, as given. */
  user_data: string | null;
  has_config_drive: Bit;
  metadata: JsonText<Readonly<Record<string, string>>>;
  ports: JsonText<readonly PlannedPort[]>;
  /** As asked for, for those ports that compute makes. */
  security_group_ids: JsonText<readonly string[]>;
  security_group_names: JsonText<readonly string[]>;
  trusted_certs: JsonText<readonly string[]> | null;
  access_ip_v4: string | null;
  access_ip_v6: string | null;
  disk_config: 'AUTO' | 'MANUAL';
  locked_by: 'owner' | 'admin' | null;
  locked_reason: string | null;
  vm_state: VmState;
  /** What is under way; null when nothing is. */
  task_state: TaskState | null;
  /** Nova's number: 0 unknown, 1 running, 3 paused, 4 stopped, 6 crashed, 7 suspended. */
  power_state: number;
  progress: number;
  fault: JsonText<ServerFault> | null;
  /** The request whose action is under way: under it the action's end is written down. */
  request_id: string;
  /** When what is under way is given up; null when nothing is. */
  deadline_at: EpochMs | null;
  created_at: EpochMs;
  updated_at: EpochMs;
  launched_at: EpochMs | null;
  terminated_at: EpochMs | null;
  /** Null while the server is there. Rows of deleted servers stay for usage reports and actions. */
  deleted_at: EpochMs | null;
}

export interface ServerTagRow {
  server_id: string;
  tag: string;
}

/**
 * What a host is to make of a server: the desired state, and what the host last said of it. A row with `is_gone` is no
 * longer desired; it stays until the host says that the guest is gone.
 */
export interface GuestRow {
  server_id: string;
  host_id: string;
  is_gone: Bit;
  /** The host's desired revision from which on the guest is gone; a report of an older one says nothing. */
  gone_revision: number;
  power: PowerState;
  power_serial: number;
  reboot_serial: number;
  reboot_type: 'soft' | 'hard';
  /** base64url of 512 random bits, for the guest's entropy pool. */
  /** Rises with each rebuild: disks of an older one are made anew when the guest starts next. */
  disk_generation: number;
  /** The image that it's booted from to mend it; null when it's not. */
  rescue_image: JsonText<ServerImage> | null;
  /** What its root disk is made from, when that is not the server's image: a shelved server's snapshot. */
  boot_image: JsonText<ServerImage> | null;
  /** Hosts that could not build it, before this one. */
  tried_hosts: JsonText<readonly string[]>;
  random_seed: string;
  admin_password: string | null;
  /** The server's ports as network last told them. */
  ports: JsonText<readonly ServerPort[]>;
  /** Ports that the guest is to let go of before network gets them back. */
  detaching: JsonText<readonly DetachingPort[]>;
  /** What the host last said. */
  observed_power: PowerState | 'crashed' | 'absent' | null;
  problem: string | null;
  updated_at: EpochMs;
}

export interface ServerTables extends SnapshotTables {
  servers: ServerRow;
  server_tags: ServerTagRow;
  server_guests: GuestRow;
}

export const serverMigrations: Migrations = {
  'compute-0010-servers': {
    up: async (db) => {
      await db.schema
        .createTable('servers')
        .ifNotExists()
        .addColumn('number', columns.int, (c) => c.primaryKey().autoIncrement())
        .addColumn('id', columns.id, (c) => c.notNull().unique())
        .addColumn('project_id', columns.id, (c) => c.notNull())
        .addColumn('user_id', columns.id, (c) => c.notNull())
        .addColumn('name', columns.name, (c) => c.notNull())
        .addColumn('description', columns.name)
        .addColumn('hostname', columns.name, (c) => c.notNull())
        .addColumn('reservation_id', columns.name, (c) => c.notNull())
        .addColumn('launch_index', columns.int, (c) => c.notNull())
        .addColumn('host_id', columns.id)
        .addColumn('availability_zone', columns.name)
        .addColumn('requested_host_id', columns.id)
        .addColumn('scheduler_hints', columns.json, (c) => c.notNull())
        .addColumn('flavor', columns.json, (c) => c.notNull())
        .addColumn('flavor_id', columns.name, (c) => c.notNull())
        .addColumn('old_flavor', columns.json)
        .addColumn('old_vm_state', columns.name)
        .addColumn('vcpus', columns.int, (c) => c.notNull())
        .addColumn('memory_mib', columns.int, (c) => c.notNull())
        .addColumn('image', columns.json)
        .addColumn('image_id', columns.id)
        .addColumn('key_name', columns.name)
        .addColumn('key_pair', columns.json)
        .addColumn('user_data', columns.text)
        .addColumn('has_config_drive', columns.bit, (c) => c.notNull())
        .addColumn('metadata', columns.json, (c) => c.notNull())
        .addColumn('ports', columns.json, (c) => c.notNull())
        .addColumn('security_group_ids', columns.json, (c) => c.notNull())
        .addColumn('security_group_names', columns.json, (c) => c.notNull())
        .addColumn('trusted_certs', columns.json)
        .addColumn('access_ip_v4', columns.name)
        .addColumn('access_ip_v6', columns.name)
        .addColumn('disk_config', columns.name, (c) => c.notNull())
        .addColumn('locked_by', columns.name)
        .addColumn('locked_reason', columns.name)
        .addColumn('vm_state', columns.name, (c) => c.notNull())
        .addColumn('task_state', columns.name)
        .addColumn('power_state', columns.int, (c) => c.notNull())
        .addColumn('progress', columns.int, (c) => c.notNull())
        .addColumn('fault', columns.json)
        .addColumn('request_id', columns.name, (c) => c.notNull())
        .addColumn('deadline_at', columns.big)
        .addColumn('created_at', columns.big, (c) => c.notNull())
        .addColumn('updated_at', columns.big, (c) => c.notNull())
        .addColumn('launched_at', columns.big)
        .addColumn('terminated_at', columns.big)
        .addColumn('deleted_at', columns.big)
        .execute();
      await db.schema
        .createIndex('servers_of_project')
        .ifNotExists()
        .on('servers')
        .columns(['project_id', 'deleted_at', 'created_at', 'number'])
        .execute();
      await db.schema
        .createIndex('servers_of_host')
        .ifNotExists()
        .on('servers')
        .columns(['host_id', 'deleted_at'])
        .execute();
      await db.schema
        .createIndex('servers_by_time')
        .ifNotExists()
        .on('servers')
        .columns(['deleted_at', 'created_at', 'number'])
        .execute();
      await db.schema.createIndex('servers_due').ifNotExists().on('servers').columns(['deadline_at']).execute();
      await db.schema
        .createTable('server_tags')
        .ifNotExists()
        .addColumn('server_id', columns.id, (c) => c.notNull())
        .addColumn('tag', columns.name, (c) => c.notNull())
        .addPrimaryKeyConstraint('server_tags_pk', ['server_id', 'tag'])
        .execute();
      await db.schema.createIndex('server_tags_tag').ifNotExists().on('server_tags').columns(['tag']).execute();
      await db.schema
        .createTable('server_guests')
        .ifNotExists()
        .addColumn('server_id', columns.id, (c) => c.notNull())
        .addColumn('host_id', columns.id, (c) => c.notNull())
        .addColumn('is_gone', columns.bit, (c) => c.notNull())
        .addColumn('gone_revision', columns.big, (c) => c.notNull())
        .addColumn('power', columns.name, (c) => c.notNull())
        .addColumn('power_serial', columns.int, (c) => c.notNull())
        .addColumn('reboot_serial', columns.int, (c) => c.notNull())
        .addColumn('reboot_type', columns.name, (c) => c.notNull())
        .addColumn('disk_generation', columns.int, (c) => c.notNull())
        .addColumn('rescue_image', columns.json)
        .addColumn('tried_hosts', columns.json, (c) => c.notNull())
        .addColumn('random_seed', columns.name, (c) => c.notNull())
        .addColumn('admin_password', columns.name)
        .addColumn('ports', columns.json, (c) => c.notNull())
        .addColumn('detaching', columns.json, (c) => c.notNull())
        .addColumn('observed_power', columns.name)
        .addColumn('problem', columns.text)
        .addColumn('updated_at', columns.big, (c) => c.notNull())
        .addPrimaryKeyConstraint('server_guests_pk', ['server_id', 'host_id'])
        .execute();
      await db.schema
        .createIndex('server_guests_host')
        .ifNotExists()
        .on('server_guests')
        .columns(['host_id', 'is_gone'])
        .execute();
    },
    down: async (db) => {
      await db.schema.dropTable('server_guests').ifExists().execute();
      await db.schema.dropTable('server_tags').ifExists().execute();
      await db.schema.dropTable('servers').ifExists().execute();
    },
  },
  ...snapshotMigrations,
};
