import type { RequestContext } from '#kernel/auth/context.ts';
import { badInput } from '../../bad-input.ts';
import type { ComputeDeps } from '../../deps.ts';
import type { BootImage } from '../../peers.ts';
import { findBootImage } from '../boot-image.ts';
import type { DeviceInput, ServerInput } from '../schema.ts';

/**
 * The image that a server is to boot from, named by itself or as its one device.
 * @throws {BadRequest} `compute.invalid_input` when there is none, or two.
 */
export async function readImage(deps: ComputeDeps, ctx: RequestContext, server: ServerInput): Promise<BootImage> {
  const device = (server.block_device_mapping_v2 ?? []).find(isLocalImage);
  const id = device?.uuid ?? device?.image_id ?? server.imageRef ?? '';
  if (device !== undefined && server.imageRef !== undefined && server.imageRef !== '' && server.imageRef !== id)
    throw badInput(
      'Block Device Mapping is Invalid: Boot sequence for the instance and image/block device mapping combination is not valid.',
    );
  if (id === '') throw badInput('Invalid imageRef provided.');
  return findBootImage(deps, ctx, id);
}

/**
 * Without block storage only what an image makes on the host's own disk is a device.
 * @throws {BadRequest} `compute.invalid_input` for any other; {Forbidden} by policy.
 */
export function refuseVolumes(deps: ComputeDeps, ctx: RequestContext, server: ServerInput): void {
  const devices = [...(server.block_device_mapping ?? []), ...(server.block_device_mapping_v2 ?? [])];
  if (server.block_device_mapping !== undefined && server.block_device_mapping_v2 !== undefined)
    throw badInput('Using different block_device_mapping syntaxes is not allowed in the same request.');
  if (devices.length === 0) return;
  deps.policy.enforce(ctx, 'os_compute_api:servers:create:attach_volume', { project_id: ctx.projectId });
  const imageDevices = (server.block_device_mapping_v2 ?? []).filter(isLocalImage);
  if (devices.some((device) => !isLocalImage(device)))
    throw badInput(
      'Block Device Mapping is Invalid: this cloud has no block storage; the one device it takes has source_type image, destination_type local and boot_index 0.',
    );
  if (imageDevices.length !== 1)
    throw badInput(
      'Block Device Mapping is Invalid: Boot sequence for the instance and image/block device mapping combination is not valid.',
    );
}

function isLocalImage(device: DeviceInput): boolean {
  return (
    device.source_type === 'image' &&
    (device.destination_type ?? 'local') === 'local' &&
    Number(device.boot_index ?? 0) === 0
  );
}
