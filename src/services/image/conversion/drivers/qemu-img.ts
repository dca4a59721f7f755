/**
 * Converts disks with `qemu-img`, in a child that a crafted image cannot make eat the machine: its memory, processor time,
 * file size and wall-clock time are limited, and it is told the format. What it reads was inspected before, so that it opens
 * no other file.
 */

import { BadRequest, TooLarge } from '#kernel/errors.ts';
import { type Exec, ExecError } from '#kernel/exec.ts';
import type { Log } from '#kernel/log.ts';
import type { DiskFormat } from '../../formats/format.ts';
import type { ConvertDisk, DiskConversion } from '../contract.ts';

const GIB = 1024 ** 3;
/** What `qemu-img` maps for any image in practice is a third of it. */
const MEMORY_BYTES = GIB;
/** Processor seconds for any image, and for each GiB of its disk: compressed data takes 3 to 5. */
const CPU_S = 30;
const CPU_S_PER_GIB = 20;
/** Wall-clock time in terms of processor time, for slow disks and busy machines. */
const PATIENCE = 10;
/** Beyond the disk's own size: the last cluster. */
const SLACK_BYTES = 2 * 1024 * 1024;

/** QEMU's own names. */
const DRIVERS: Partial<Record<DiskFormat, string>> = {
  qcow2: 'qcow2',
  vmdk: 'vmdk',
  vdi: 'vdi',
  vhd: 'vpc',
  vhdx: 'vhdx',
  ploop: 'parallels',
};

/** @see glance/async_/flows/plugins/image_conversion.py, which limits only `qemu-img info`. */
export function createQemuImgConverter(exec: Exec, log: Log): ConvertDisk {
  return async (conversion) => {
    const argv = commandOf(conversion);
    const cpuS = cpuSeconds(conversion);
    const result = await exec
      .run({ argv, timeoutMs: cpuS * PATIENCE * 1000, env: { MALLOC_ARENA_MAX: '2' } }, conversion.signal)
      .catch((error: unknown) => {
        if (!(error instanceof ExecError)) throw error;
        if (error.code === 'exec.timeout') throw failed('it took too long');
        if (error.code === 'exec.missing')
          throw new BadRequest(
            'image.conversion.absent',
            'The image could not be converted: the controller lacks qemu-img and prlimit; its operator can install them.',
          );
        throw error;
      });
    if (result.exitCode === 0) return;
    // The program's words name paths of the controller: they are for its operator.
    log.warn({ exitCode: result.exitCode, stderr: result.stderr.slice(0, 2_000) }, 'an image could not be converted');
    if (/No space left on device|Disk quota exceeded/.test(result.stderr))
      throw new TooLarge(
        'image.store.full',
        'Image storage media is full: There is not enough disk space on the image storage media.',
      );
    if (result.stderr.includes('prlimit: failed to execute'))
      throw new BadRequest(
        'image.conversion.absent',
        'The image could not be converted: the controller lacks qemu-img; its operator can install it.',
      );
    throw failed('its content is damaged, or needs more than it should');
  };
}

function commandOf({ source, sourceFormat, target, virtualSizeBytes, ...rest }: DiskConversion): [string, ...string[]] {
  const driver = DRIVERS[sourceFormat];
  if (driver === undefined) throw failed(`${sourceFormat} images are not converted`);
  const cpuS = cpuSeconds({ source, sourceFormat, target, virtualSizeBytes, ...rest });
  return [
    'prlimit',
    `--as=${MEMORY_BYTES}`,
    `--cpu=${cpuS}`,
    `--fsize=${virtualSizeBytes + SLACK_BYTES}`,
    '--core=0',
    '--nofile=64',
    'qemu-img',
    'convert',
    '-f',
    driver,
    '-O',
    'raw',
    source,
    target,
  ];
}

function cpuSeconds({ virtualSizeBytes }: DiskConversion): number {
  return CPU_S + Math.ceil(virtualSizeBytes / GIB) * CPU_S_PER_GIB;
}

function failed(why: string): BadRequest {
  return new BadRequest('image.conversion.failed', `The image could not be converted to raw: ${why}.`);
}
