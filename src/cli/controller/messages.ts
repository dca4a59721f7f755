/** What `pileus up` and the controller's process say to each other, over the channel between parent and child. */

export interface StartMessage {
  readonly dataDir: string;
  readonly configDir: string;
  readonly logFile: string;
  readonly listenAddress: string;
  readonly publicHost: string;
  readonly region: string;
  readonly adminPassword: string;
  readonly controllerSocket: string;
  readonly agentSocket: string;
}

export type ControllerMessage =
  | { readonly type: 'ready'; readonly urls: Readonly<Record<string, string>> }
  | { readonly type: 'failed'; readonly message: string };
