import { badInput } from '../bad-input.ts';
import { compute } from '../microversions.ts';
import type { ServerQuery } from './list.ts';

/** Every parameter of the list that the real service knows. @see nova/api/openstack/compute/schemas/servers.py */
const KNOWN = new Set(
  [
    'user_id project_id tenant_id launch_index image_ref image kernel_id ramdisk_id hostname key_name power_state',
    'vm_state task_state host node flavor reservation_id launched_at terminated_at availability_zone name',
    'display_name description display_description locked_by uuid root_device_name config_drive access_ip_v4 access_ip_v6',
    'auto_disk_config progress sort_key sort_dir limit marker all_tenants deleted status changes-since ip created_at',
    'ip6 soft_deleted metadata',
  ]
    .join(' ')
    .split(' '),
);
/** Known, but by old clients only: refused where parameters are strict. */
const OLD = new Set(
  'block_device_mapping extra instance_uuid pci_devices services system_metadata tags security_groups info_cache'.split(
    ' ',
  ),
);
const SINCE: Readonly<Record<string, string>> = {
  tags: compute.serverTags,
  'tags-any': compute.serverTags,
  'not-tags': compute.serverTags,
  'not-tags-any': compute.serverTags,
  'changes-before': compute.changesBefore,
  locked: compute.lockedReason,
};
/** Parameters with one value at most. */
const SINGLE = new Set(['limit', 'marker', 'locked']);
/** Longest value; nova's columns end before. */
const MAX_VALUE = 1_024;

/**
 * Reads the list's query, with every value of repeated parameters.
 * @throws {BadRequest} `compute.invalid_input`.
 */
export function readServerQuery(url: string, has: (feature: string) => boolean): ServerQuery {
  const at = url.indexOf('?');
  const search = new URLSearchParams(at === -1 ? '' : url.slice(at + 1));
  const query: Record<string, string[]> = {};
  for (const [name, value] of search) {
    if (value.length > MAX_VALUE)
      throw badInput(`Invalid input for query parameters ${name.slice(0, 60)}. It is too long`);
    const since = Object.hasOwn(SINCE, name) ? SINCE[name] : undefined;
    const isKnown = KNOWN.has(name) || (since !== undefined && has(since));
    if (!isKnown && (name.startsWith('_') || (OLD.has(name) && !has(compute.strictQueries))))
      throw badInput(`Invalid filter field: ${name.slice(0, 60)}.`);
    if (!isKnown && has(compute.strictQueries))
      throw badInput(`Additional properties are not allowed ('${name.slice(0, 60)}' was unexpected)`);
    if (!isKnown) continue;
    query[name] = [...(query[name] ?? []), value];
  }
  for (const name of SINGLE)
    if ((query[name]?.length ?? 0) > 1)
      throw badInput(`Invalid input for query parameters ${name}. Value: ${name}. It is given more than once`);
  requireLimit(query['limit']?.[0]);
  for (const direction of query['sort_dir'] ?? [])
    if (direction !== 'asc' && direction !== 'desc')
      throw badInput(
        `Invalid input for query parameters sort_dir. Value: ${direction.slice(0, 60)}. '${direction.slice(0, 60)}' is not one of ['asc', 'desc']`,
      );
  return query;
}

function requireLimit(text: string | undefined): void {
  if (text === undefined || /^[0-9]{1,18}$/.test(text)) return;
  throw badInput(
    `Invalid input for query parameters limit. Value: ${text.slice(0, 60)}. '${text.slice(0, 60)}' does not match '^[0-9]*$'`,
  );
}
