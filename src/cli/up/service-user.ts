import { execFileSync } from 'node:child_process';

export interface ServiceUser {
  readonly uid: number;
  readonly gid: number;
}

/** Who the controller runs as: nobody else's user, without a shell, a home, or rights. */
const USER = 'pileus';

/** Finds the user, or makes it. Needs root. */
export function ensureServiceUser(): ServiceUser {
  return find() ?? make();
}

function find(): ServiceUser | undefined {
  try {
    const [uid, gid] = ['-u', '-g'].map((flag) =>
      Number(execFileSync('id', [flag, USER], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })),
    );
    return uid === undefined || gid === undefined ? undefined : { uid, gid };
  } catch {
    return undefined;
  }
}

function make(): ServiceUser {
  execFileSync('useradd', [
    '--system',
    '--user-group',
    '--no-create-home',
    '--home-dir',
    '/nonexistent',
    '--shell',
    '/usr/sbin/nologin',
    USER,
  ]);
  const made = find();
  if (made === undefined) throw new Error(`the user ${USER} could not be made`);
  return made;
}
