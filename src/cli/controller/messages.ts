/** What `pileus up` and the controller's process say to each other, over the channel between parent and child. */

import type { DatabaseOptions } from '#kernel/db/database.ts';

export interface StartMessage {
  readonly dataDir: string;
  readonly configDir: string;
  readonly logFile: string;
  readonly listenAddress: string;
  readonly publicHost: string;
  /** With its password, if it has one: this channel is the only way that takes. */
  readonly database: DatabaseOptions;
  readonly cloudKey: string | undefined;
  readonly region: string;
  readonly adminPassword: string;
  readonly controllerSocket: string;
  readonly agentSocket: string;
}

export type ControllerMessage =
  | { readonly type: 'ready'; readonly urls: Readonly<Record<string, string>> }
  | { readonly type: 'failed'; readonly message: string };
