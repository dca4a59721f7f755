import type { ComputeDriver } from './drivers/contract.ts';
import type { ComputeStep } from './plan.ts';

/** Carries one step of a plan out. */
export async function applyStep(
  driver: ComputeDriver,
  step: ComputeStep,
  limits: { readonly shutDownGraceMs: number },
  signal: AbortSignal,
): Promise<void> {
  const id = step.guestId;
  switch (step.action) {
    case 'remove':
      return driver.remove(id, signal);
    case 'prepare disks':
      return driver.prepareDisks(step.guest, signal);
    case 'define':
      return driver.define(step.guest, step.marks, signal);
    case 'mark':
      return driver.mark(id, step.marks, signal);
    case 'start':
      return driver.start(id, { isPaused: step.isPaused }, signal);
    case 'shut down':
      return driver.shutDown(id, limits.shutDownGraceMs, signal);
    case 'power off':
      return driver.powerOff(id, signal);
    case 'pause':
      return driver.pause(id, signal);
    case 'resume':
      return driver.resume(id, signal);
    case 'suspend':
      return driver.suspend(id, signal);
    case 'attach interface':
      return driver.attachInterface(id, step.port, signal);
    case 'detach interface':
      return driver.detachInterface(id, step.portId, signal);
  }
}
