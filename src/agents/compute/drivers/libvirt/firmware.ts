import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { DriverError } from '../contract.ts';

/** Code and variables of the UEFI firmware, by distribution. */
const UEFI_FIRMWARE = [
  ['/usr/share/OVMF/OVMF_CODE_4M.fd', '/usr/share/OVMF/OVMF_VARS_4M.fd'],
  ['/usr/share/OVMF/OVMF_CODE.fd', '/usr/share/OVMF/OVMF_VARS.fd'],
  ['/usr/share/edk2/ovmf/OVMF_CODE.fd', '/usr/share/edk2/ovmf/OVMF_VARS.fd'],
] as const;

/**
 * The host's UEFI firmware, for a guest whose own variables lie in its folder.
 * @throws {DriverError} `guest.firmware` when the host has none.
 */
export async function findUefi(folder: string): Promise<{ loader: string; template: string; nvram: string }> {
  for (const [loader, template] of UEFI_FIRMWARE) {
    const isThere = await access(loader).then(
      () => true,
      () => false,
    );
    if (isThere) return { loader, template, nvram: join(folder, 'nvram.fd') };
  }
  throw new DriverError('guest.firmware', 'The guest wants UEFI, and the host has no such firmware: install ovmf.');
}
