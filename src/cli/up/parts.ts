import type { DatabaseOptions } from '#kernel/db/database.ts';
import type { CloudFolder, CloudIdentity } from '../cloud-folder.ts';
import type { Progress } from '../progress.ts';

/** Each fake host polls and beats like a real one; the one process that they share is to stay small. */
export const MAX_FAKE_HOSTS = 100;

export interface UpOptions {
  readonly fake?: true;
  readonly data?: string;
  readonly listen?: string;
  readonly public?: string;
  readonly database?: string;
  readonly detach?: true;
  readonly bootTime?: number;
  readonly hosts?: number;
}

/** A cloud that runs in this process or under it. */
export interface RunningCloud {
  readonly urls: Readonly<Record<string, string>>;
  /** Stops the control plane; guests go on. */
  stop(): Promise<void>;
  /** Settles when the cloud cannot go on by itself. */
  readonly ended: Promise<void>;
}

/** What both kinds of clouds are started from. */
export interface StartParts {
  readonly options: UpOptions;
  readonly folder: CloudFolder;
  readonly identity: CloudIdentity & { readonly adminPassword: string };
  readonly database: DatabaseOptions;
  /** Opens what the controllers of one database share; undefined where there is one. */
  readonly cloudKey: string | undefined;
  readonly progress: Progress;
}
