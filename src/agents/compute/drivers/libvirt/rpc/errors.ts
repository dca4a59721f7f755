import { DriverError } from '../../contract.ts';

/** An error that libvirt itself reported. */
export class LibvirtError extends DriverError {
  /** `virErrorNumber`, such as 42 for a domain that isn't there. */
  readonly errorNumber: number;

  constructor(errorNumber: number, message: string) {
    super(`libvirt.error_${errorNumber}`, message);
    this.errorNumber = errorNumber;
  }
}

/** Whether libvirt reported just this error. */
export function isLibvirtError(error: unknown, errorNumber: number): boolean {
  return error instanceof LibvirtError && error.errorNumber === errorNumber;
}

/** Waits for a call that may find nothing to do. @throws all but the one error that says so. */
export async function ignoringError(expected: number, call: Promise<void>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!isLibvirtError(error, expected)) throw error;
  }
}
