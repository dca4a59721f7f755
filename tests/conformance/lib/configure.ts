/** Writes `tempest.conf` for a cloud, making through its public API what Tempest needs there. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { CloudClient } from '../../../src/cli/api/client.ts';

type Sections = Record<string, Record<string, string | number | boolean>>;

/**
 * What a Zed cloud can do, all switched on: a cloud must not make tests vanish by not having a feature. What is off is
 * gone from Zed, or needs a second site; the lists of `not-yet.txt` and `allowed-skips.txt` say the rest.
 */
const FEATURES: Sections = {
  'identity-feature-enabled': {
    api_v2: false,
    api_v2_admin: false,
    api_v3: true,
    trust: true,
    domain_specific_drivers: true,
    security_compliance: true,
    project_tags: true,
    application_credentials: true,
    access_rules: true,
    immutable_user_source: false,
  },
  identity: { user_lockout_failure_attempts: 2, user_lockout_duration: 5, user_unique_last_password_count: 2 },
  'compute-feature-enabled': {
    disk_config: true,
    console_output: true,
    resize: true,
    pause: true,
    suspend: true,
    shelve: true,
    shelve_migrate: true,
    rescue: true,
    stable_rescue: true,
    snapshot: true,
    cold_migration: true,
    live_migration: true,
    live_migrate_back_and_forth: true,
    block_migration_for_live_migration: false,
    volume_backed_live_migration: true,
    can_migrate_between_any_hosts: true,
    metadata_service: true,
    config_drive: true,
    vnc_console: true,
    serial_console: true,
    spice_console: false,
    interface_attach: true,
    enable_instance_password: true,
    hostname_fqdn_sanitization: true,
    swap_volume: true,
    volume_multiattach: true,
    attach_encrypted_volume: true,
    personality: false,
    ide_bus: true,
    unified_limits: false,
    nova_cert: false,
    // Server metadata that can be written counts among these; what else they are is in `lists/dead-in-zed.txt`.
    xenapi_apis: true,
  },
  'image-feature-enabled': {
    api_v2: true,
    api_v1: false,
    import_image: true,
    os_glance_reserved: true,
    manage_locations: true,
  },
  'network-feature-enabled': {
    ipv6: true,
    ipv6_subnet_attributes: true,
    port_admin_state_change: true,
    port_security: true,
    floating_ips: true,
    qos_min_bw_and_pps: false,
  },
  'volume-feature-enabled': {
    backup: true,
    manage_volume: true,
    manage_snapshot: true,
    extend_attached_volume: true,
    extend_attached_encrypted_volume: true,
  },
  'object-storage-feature-enabled': { object_versioning: true, discoverability: true, container_sync: false },
  enforce_scope: { nova: false, neutron: false, glance: false, cinder: false, keystone: false },
};

/** The filters of the scheduler by nova's names: what it does in one query here, and the hints that it follows. */
const SCHEDULER_FILTERS = [
  'AvailabilityZoneFilter',
  'ComputeFilter',
  'ComputeCapabilitiesFilter',
  'ImagePropertiesFilter',
  'SameHostFilter',
  'DifferentHostFilter',
  'ServerGroupAntiAffinityFilter',
  'ServerGroupAffinityFilter',
];

interface Named {
  readonly id: string;
  readonly name: string;
}

/** What the cloud to be tested is like. */
export interface Target {
  readonly cloud: CloudClient;
  readonly cloudsYamlFile: string;
  readonly workDir: string;
  /** An image that the cloud can download. */
  readonly imageUrl: string;
  /** The disk of a guest that boots; one of zeros for hosts that only pretend. */
  readonly guest: {
    readonly format: string;
    readonly bytes: Uint8Array;
    /** Who the suite logs in as, with a key that the guest takes from its metadata; nobody logs in when absent. */
    readonly sshUser?: string;
    /** Whether QEMU's guest agent is in it; fake guests act as if it were. */
    readonly hasAgent: boolean;
  };
  /** Longest wait of one test for a server, image or network, in seconds. */
  readonly buildTimeoutS: number;
}

/** @returns the text of `tempest.conf`. */
export async function configure(target: Target): Promise<string> {
  const { cloud, cloudsYamlFile, workDir, buildTimeoutS } = target;
  const { auth } = (
    parse(readFileSync(cloudsYamlFile, 'utf8')) as { clouds: { pileus: { auth: Record<string, string> } } }
  ).clouds.pileus;
  const images = [await makeImage(target, 'conformance-image'), await makeImage(target, 'conformance-image-alt')];
  const flavors = [await makeFlavor(cloud, 'm1.nano', '42', 128), await makeFlavor(cloud, 'm1.micro', '84', 192)];
  const external = await makeExternalNetwork(cloud);
  await makeDefaultSubnetPools(cloud);
  const { extensions } = await cloud.get<{ extensions: { alias: string }[] }>('network', '/v2.0/extensions');
  const { hypervisors } = await cloud.get<{ hypervisors: unknown[] }>('compute', '/os-hypervisors');
  const url = auth['auth_url'] ?? '';
  const facts: Sections = {
    DEFAULT: { debug: true, log_file: 'tempest.log', log_dir: workDir, use_stderr: false },
    oslo_concurrency: { lock_path: `${workDir}/lock` },
    auth: {
      use_dynamic_credentials: true,
      create_isolated_networks: true,
      admin_username: auth['username'] ?? '',
      admin_password: auth['password'] ?? '',
      admin_project_name: auth['project_name'] ?? '',
      admin_domain_name: 'Default',
      admin_user_domain_name: 'Default',
      admin_project_domain_name: 'Default',
      default_credentials_domain_name: 'Default',
    },
    identity: {
      auth_version: 'v3',
      uri_v3: `${url}/v3`,
      uri: `${url}/v2.0`,
      region: 'RegionOne',
      v3_endpoint_type: 'public',
      default_domain_id: 'default',
    },
    service_available: { nova: true, glance: true, neutron: true, cinder: false, swift: false, horizon: false },
    compute: {
      image_ref: images[0] ?? '',
      image_ref_alt: images[1] ?? '',
      flavor_ref: flavors[0] ?? '',
      flavor_ref_alt: flavors[1] ?? '',
      build_timeout: buildTimeoutS,
      build_interval: 1,
      max_microversion: '2.93',
      min_compute_nodes: hypervisors.length,
    },
    validation: {
      run_validation: target.guest.sshUser !== undefined,
      connect_method: 'floating',
      auth_method: 'keypair',
      image_ssh_user: target.guest.sshUser ?? '',
      ssh_timeout: buildTimeoutS,
      ping_timeout: buildTimeoutS,
    },
    placement: { max_microversion: '1.39' },
    image: {
      build_timeout: buildTimeoutS,
      disk_formats: 'ami,ari,aki,vhd,vmdk,raw,qcow2,vdi,iso,vhdx,ploop',
      http_image: target.imageUrl,
      image_caching_enabled: true,
    },
    'compute-feature-enabled': {
      scheduler_enabled_filters: SCHEDULER_FILTERS.join(','),
      change_password: target.guest.hasAgent,
    },
    network: {
      public_network_id: external,
      floating_network_name: 'public',
      build_timeout: buildTimeoutS,
      project_network_cidr: '10.100.0.0/16',
      project_network_mask_bits: 28,
    },
    'network-feature-enabled': {
      api_extensions: extensions
        .map(({ alias }) => alias)
        .toSorted()
        .join(','),
    },
  };
  return render(merge(FEATURES, facts));
}

async function makeImage({ cloud, guest }: Target, name: string): Promise<string> {
  const image = await cloud.post<Named>('image', '/v2/images', {
    name,
    disk_format: guest.format,
    container_format: 'bare',
    visibility: 'public',
  });
  await cloud.upload('image', `/v2/images/${image.id}/file`, guest.bytes);
  return image.id;
}

async function makeFlavor(cloud: CloudClient, name: string, id: string, ram: number): Promise<string> {
  const { flavors } = await cloud.get<{ flavors: Named[] }>('compute', '/flavors');
  const found = flavors.find((flavor) => flavor.name === name);
  if (found !== undefined) return found.id;
  const { flavor } = await cloud.post<{ flavor: Named }>('compute', '/flavors', {
    flavor: { id, name, ram, vcpus: 1, disk: 1 },
  });
  return flavor.id;
}

async function makeExternalNetwork(cloud: CloudClient): Promise<string> {
  const provider = { 'provider:network_type': 'flat', 'provider:physical_network': 'physnet1' };
  const body = { network: { name: 'public', 'router:external': true, is_default: true, shared: false, ...provider } };
  const { network } = await cloud.post<{ network: Named }>('network', '/v2.0/networks', body);
  const subnets = [
    { cidr: '172.24.4.0/24', ip_version: 4 },
    { cidr: '2001:db8:fa11::/64', ip_version: 6 },
  ];
  for (const subnet of subnets) {
    await cloud.post('network', '/v2.0/subnets', {
      subnet: { network_id: network.id, enable_dhcp: false, name: `public-v${subnet.ip_version}`, ...subnet },
    });
  }
  return network.id;
}

/** What auto-allocated networks take their addresses from, beside the default external network. */
async function makeDefaultSubnetPools(cloud: CloudClient): Promise<void> {
  const pools = [
    { name: 'default-v4', prefixes: ['10.200.0.0/16'], default_prefixlen: 26 },
    { name: 'default-v6', prefixes: ['fd3a:88f0:5c1e::/48'], default_prefixlen: 64 },
  ];
  for (const pool of pools)
    await cloud.post('network', '/v2.0/subnetpools', { subnetpool: { ...pool, shared: true, is_default: true } });
}

function merge(...all: readonly Sections[]): Sections {
  const merged: Sections = {};
  for (const sections of all) {
    for (const [name, options] of Object.entries(sections)) merged[name] = { ...merged[name], ...options };
  }
  return merged;
}

function render(sections: Sections): string {
  const blocks = Object.entries(sections).map(([name, options]) => {
    const lines = Object.entries(options).map(([option, value]) => `${option} = ${String(value)}`);
    return `[${name}]\n${lines.join('\n')}\n`;
  });
  return blocks.join('\n');
}
