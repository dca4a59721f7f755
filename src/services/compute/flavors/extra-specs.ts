/**
 * Which extra specs there are and what each may say; checked from microversion 2.86 on.
 * @see nova/api/validation/extra_specs/
 */
import { BadRequest } from '#kernel/errors.ts';

type Check =
  | { readonly type: 'text'; readonly pattern?: string; readonly words?: readonly string[] }
  | { readonly type: 'integer'; readonly min?: number; readonly max?: number }
  | { readonly type: 'boolean' };

const text: Check = { type: 'text' };
const boolean: Check = { type: 'boolean' };
const anyInteger: Check = { type: 'integer' };
const notNegative: Check = { type: 'integer', min: 0 };
const positive: Check = { type: 'integer', min: 1 };
const words = (...list: string[]): Check => ({ type: 'text', words: list });
const pattern = (regex: string): Check => ({ type: 'text', pattern: regex });

const CPU_MASK = '\\^?\\d+((-\\d+)?(,\\^?\\d+(-\\d+)?)?)*';
const SHARES = words('custom', 'high', 'normal', 'low');
const GROUP = '([a-zA-Z0-9_-]{1,64})?';

/** Names without a variable part. */
const EXACT: Readonly<Record<string, Check>> = {
  'accel:device_profile': text,
  'hw:cpu_realtime': boolean,
  'hw:cpu_realtime_mask': pattern('(\\^)?\\d+((-\\d+)?(,\\^?\\d+(-\\d+)?)?)*'),
  'hw:hide_hypervisor_id': boolean,
  'hw:cpu_policy': words('dedicated', 'shared', 'mixed'),
  'hw:cpu_thread_policy': words('prefer', 'isolate', 'require'),
  'hw:emulator_threads_policy': words('isolate', 'share'),
  'hw:cpu_dedicated_mask': pattern(CPU_MASK),
  'hw:mem_page_size': pattern('(large|small|any|\\d+([kKMGT]i?)?(b|bit|B)?)'),
  'hw:locked_memory': boolean,
  'hw:numa_nodes': positive,
  'hw:pci_numa_affinity_policy': words('required', 'preferred', 'legacy', 'socket'),
  'hw:cpu_sockets': positive,
  'hw:cpu_cores': positive,
  'hw:cpu_threads': positive,
  'hw:max_cpu_sockets': positive,
  'hw:max_cpu_cores': positive,
  'hw:max_cpu_threads': positive,
  'hw:boot_menu': boolean,
  'hw:vif_multiqueue_enabled': boolean,
  'hw:mem_encryption': boolean,
  'hw:pmem': pattern('([a-zA-Z0-9_]+(,)?)+'),
  'hw:pmu': boolean,
  'hw:serial_port_count': notNegative,
  'hw:tpm_model': words('tpm-tis', 'tpm-crb'),
  'hw:tpm_version': words('1.2', '2.0'),
  'hw:watchdog_action': words('none', 'pause', 'poweroff', 'reset', 'disabled'),
  'hw:viommu_model': words('intel', 'smmuv3', 'virtio', 'auto'),
  'hw:ephemeral_encryption': boolean,
  'hw:ephemeral_encryption_format': words('luks', 'plain'),
  'hw_rng:allowed': boolean,
  'hw_rng:rate_bytes': notNegative,
  'hw_rng:rate_period': notNegative,
  'hw_video:ram_max_mb': notNegative,
  hide_hypervisor_id: boolean,
  group_policy: words('isolate', 'none'),
  'os:secure_boot': words('disabled', 'required'),
  'os:resolution': words('1024x768', '1280x1024', '1600x1200', '1920x1200', '2560x1600', '3840x2160'),
  'os:monitors': { type: 'integer', min: 1, max: 8 },
  'os:vram': words('64', '128', '256', '512', '1024'),
  'pci_passthrough:alias': pattern('[^:]+:\\d+(?:\\s*,\\s*[^:]+:\\d+)*'),
  'quota:cpu_limit': notNegative,
  'quota:cpu_reservation': anyInteger,
  'quota:cpu_shares_level': SHARES,
  'quota:cpu_shares_share': notNegative,
  'quota:memory_limit': notNegative,
  'quota:memory_reservation': anyInteger,
  'quota:memory_shares_level': SHARES,
  'quota:memory_shares_share': notNegative,
  'quota:disk_io_limit': notNegative,
  'quota:disk_io_reservation': anyInteger,
  'quota:disk_io_shares_level': SHARES,
  'quota:disk_io_shares_share': notNegative,
  'quota:vif_limit': notNegative,
  'quota:vif_reservation': anyInteger,
  'quota:vif_shares_level': SHARES,
  'quota:vif_shares_share': notNegative,
  'quota:cpu_shares': notNegative,
  'quota:cpu_period': notNegative,
  'quota:cpu_quota': anyInteger,
  'quota:disk_read_bytes_sec': notNegative,
  'quota:disk_read_iops_sec': notNegative,
  'quota:disk_write_bytes_sec': notNegative,
  'quota:disk_write_iops_sec': notNegative,
  'quota:disk_total_bytes_sec': notNegative,
  'quota:disk_total_iops_sec': notNegative,
  'quota:vif_inbound_average': notNegative,
  'quota:vif_inbound_peak': notNegative,
  'quota:vif_inbound_burst': notNegative,
  'quota:vif_outbound_average': notNegative,
  'quota:vif_outbound_peak': notNegative,
  'quota:vif_outbound_burst': notNegative,
  'vmware:hw_version': text,
  'vmware:storage_policy': text,
};

const HOST_FACTS = [
  'id uuid service_id host vcpus memory_mb local_gb vcpus_used memory_mb_used local_gb_used hypervisor_type',
  'hypervisor_version hypervisor_hostname free_ram_mb free_disk_gb current_workload running_vms disk_available_least',
  'host_ip mapped cpu_allocation_ratio ram_allocation_ratio disk_allocation_ratio total_usable_ram_mb',
  'total_usable_disk_gb disk_mb_used free_disk_mb vcpus_total num_instances num_io_ops failed_builds aggregates',
  'cell_uuid updated',
]
  .join(' ')
  .split(' ');
const NESTED_HOST_FACTS = [
  'cpu_info metrics stats numa_topology supported_hv_specs pci_device_pools nodename pci_stats supported_instances',
  'limits instances',
]
  .join(' ')
  .split(' ');

/** Names with a variable part. */
const BY_PATTERN: readonly { readonly name: RegExp; readonly check: Check }[] = [
  { name: /^aggregate_instance_extra_specs:.+$/s, check: text },
  { name: new RegExp(`^capabilities:(?:${HOST_FACTS.join('|')})$`), check: text },
  { name: new RegExp(`^capabilities:(?:${NESTED_HOST_FACTS.join('|')})(:\\w+)*$`), check: text },
  { name: /^hw:numa_cpus\.\d+$/, check: pattern(CPU_MASK) },
  { name: /^hw:numa_mem\.\d+$/, check: positive },
  { name: new RegExp(`^resources${GROUP}:[A-Z0-9_]+$`), check: anyInteger },
  { name: new RegExp(`^trait${GROUP}:[A-Z0-9_]+$`), check: words('required', 'forbidden') },
];

const NAMESPACES = new RegExp(
  `^(?:${[
    ...new Set(
      Object.keys(EXACT)
        .filter((name) => name.includes(':'))
        .map((name) => name.slice(0, name.indexOf(':'))),
    ),
    'aggregate_instance_extra_specs',
    'capabilities',
    `resources${GROUP}`,
    `trait${GROUP}`,
  ].join('|')})$`,
);

/**
 * Checks one extra spec. A name outside the known namespaces may say anything.
 * @throws {BadRequest} `compute.flavor.extra_spec`
 */
export function checkExtraSpec(name: string, value: string): void {
  const known = Object.hasOwn(EXACT, name) ? EXACT[name] : BY_PATTERN.find((entry) => entry.name.test(name))?.check;
  const trouble = known === undefined ? troubleWithName(name) : troubleWithValue(known, value);
  if (trouble !== undefined) throw new BadRequest('compute.flavor.extra_spec', `Validation failed; ${trouble}.`);
}

function troubleWithName(name: string): string | undefined {
  if (!name.includes(':') || !NAMESPACES.test(name.slice(0, name.indexOf(':')))) return undefined;
  return `extra spec '${name}' does not appear to be a valid extra spec`;
}

function troubleWithValue(check: Check, value: string): string | undefined {
  switch (check.type) {
    case 'boolean':
      return /^\s*(?:1|t|true|on|y|yes|0|f|false|off|n|no)\s*$/i.test(value)
        ? undefined
        : `'${value}' is not a valid boolean-like value`;
    case 'integer': {
      if (!/^\s*[+-]?\d+\s*$/.test(value)) return `'${value}' is not a valid integer value`;
      const number = Number(value);
      if (check.max !== undefined && number > check.max)
        return `'${value}' is greater than the max value of '${check.max}'`;
      if (check.min !== undefined && number < check.min)
        return `'${value}' is less than the min value of '${check.min}'`;
      return undefined;
    }
    case 'text':
      if (check.pattern !== undefined && !new RegExp(`^(?:${check.pattern})$`).test(value))
        return `'${value}' is not of the format '${check.pattern}'`;
      if (check.words !== undefined && !check.words.includes(value))
        return `'${value}' is not one of: ${check.words.join(', ')}`;
      return undefined;
  }
}
