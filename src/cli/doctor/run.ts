import { createDirectExec } from '#kernel/exec-direct.ts';
import { CUSTOMARY_PORTS } from '../../controller/settings.ts';
import { examine } from '../../install/doctor/checks.ts';
import type { Finding } from '../../install/doctor/finding.ts';
import { thisMachine } from '../../install/doctor/machine.ts';
import { cloudFolder } from '../cloud-folder.ts';
import { ADDRESSES } from '../demo/resources.ts';
import { hostAddress } from '../host-address.ts';
import { words } from '../language.ts';
import { findProcess } from '../process-file.ts';

export interface DoctorOptions {
  readonly data?: string;
  readonly listen?: string;
  readonly json?: true;
}

const SIGNS = { ok: '✓', warn: '!', fail: '✗' } as const;

/** Looks at everything and prints it; exit code 1 when something is in the way. */
export async function doctor(options: DoctorOptions): Promise<void> {
  const folder = cloudFolder(options.data);
  const exec = createDirectExec();
  const findings = await examine({
    machine: thisMachine(exec),
    dataDir: folder.path,
    listenAddress: options.listen ?? hostAddress(),
    ports: CUSTOMARY_PORTS,
    cidrs: [ADDRESSES.publicCidr],
    isUp: findProcess(folder.pidFile) !== undefined,
  });
  process.stdout.write(
    options.json === true ? `${JSON.stringify(findings, null, 2)}\n` : `${findings.map(render).join('\n')}\n`,
  );
  if (findings.some(({ level }) => level === 'fail')) process.exitCode = 1;
}

function render(finding: Finding): string {
  const evidence = typeof finding.evidence === 'string' ? finding.evidence : words(finding.evidence);
  const lines = [`${SIGNS[finding.level]} ${words(finding.title)}${words({ en: ': ', zh: '：' })}${evidence}`];
  if (finding.fix !== undefined) lines.push(`    ${finding.code}`, `    → ${words(finding.fix)}`);
  return lines.join('\n');
}
