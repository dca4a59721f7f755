/**
 * Numbers of libvirt's remote protocol. They are part of its wire format and never change.
 * @see https://gitlab.com/libvirt/libvirt/-/blob/v9.0.0/src/remote/remote_protocol.x
 * @see https://gitlab.com/libvirt/libvirt/-/blob/v9.0.0/src/rpc/virnetprotocol.x
 */

export const REMOTE_PROGRAM = 0x2000_8086;
export const KEEPALIVE_PROGRAM = 0x6b65_6570;
export const PROGRAM_VERSION = 1;

export const procedure = {
  connectOpen: 1,
  connectClose: 2,
  connectGetVersion: 4,
  nodeGetInfo: 6,
  connectGetCapabilities: 7,
  domainGetXmlDesc: 14,
  domainLookupByUuid: 24,
  domainReboot: 27,
  domainResume: 28,
  domainSuspend: 34,
  authList: 66,
  connectGetLibVersion: 157,
  domainAttachDeviceFlags: 160,
  domainDetachDeviceFlags: 161,
  domainManagedSave: 182,
  domainHasManagedSaveImage: 183,
  domainManagedSaveRemove: 184,
  domainGetBlockInfo: 194,
  domainGetJobStats: 298,
  domainAbortJob: 164,
  domainBackupBegin: 421,
  domainCreateWithFlags: 196,
  domainGetState: 212,
  domainUndefineFlags: 231,
  domainDestroyFlags: 234,
  domainReset: 245,
  domainShutdownFlags: 258,
  domainSetMetadata: 264,
  domainGetMetadata: 265,
  connectListAllDomains: 273,
  connectDomainEventCallbackRegisterAny: 316,
  domainEventCallbackLifecycle: 318,
  domainEventCallbackDeviceRemoved: 333,
  connectGetDomainCapabilities: 342,
  connectGetAllDomainStats: 344,
  domainDefineXmlFlags: 350,
  domainSetUserPassword: 357,
} as const;

export type Procedure = (typeof procedure)[keyof typeof procedure];

/** `virDomainJobType`, as far as it is looked at. */
export const jobType = { none: 0, completed: 3 } as const;
/** `virDomainBackupBeginFlags`: the file that is written to is there already. */
export const backupFlag = { reuseExternal: 1 } as const;

export const messageType = { call: 0, reply: 1, message: 2 } as const;
export const messageStatus = { ok: 0, error: 1 } as const;
export const keepalive = { ping: 1, pong: 2 } as const;
export const authType = { none: 0, sasl: 1, polkit: 2 } as const;

/** `virDomainState`. */
export const domainState = {
  noState: 0,
  running: 1,
  blocked: 2,
  paused: 3,
  shutdown: 4,
  shutOff: 5,
  crashed: 6,
  pmSuspended: 7,
} as const;

/** `virDomainShutoffReason`. */
export const shutOffReason = {
  unknown: 0,
  shutdown: 1,
  destroyed: 2,
  crashed: 3,
  migrated: 4,
  saved: 5,
  failed: 6,
  daemon: 8,
} as const;

/** `virDomainPausedReason`, those that callers tell apart. */
export const pausedReason = { ioError: 5 } as const;

/** `virErrorNumber`, those that callers tell apart. */
export const errorNumber = {
  operationInvalid: 55,
  noDomain: 42,
  noDomainMetadata: 80,
  deviceMissing: 99,
  operationTimeout: 68,
  agentUnresponsive: 86,
} as const;

export const createFlag = { startPaused: 1 } as const;
export const affect = { live: 1, config: 2 } as const;
export const undefineFlag = {
  managedSave: 1,
  snapshotsMetadata: 2,
  nvram: 4,
  checkpointsMetadata: 16,
  tpm: 32,
} as const;
export const shutdownFlag = { acpiPowerButton: 1 } as const;
export const statsFlag = { state: 1, cpuTotal: 2, balloon: 4, vcpu: 8, interface: 16, block: 32 } as const;
export const metadataType = { description: 0, title: 1, element: 2 } as const;
export const eventId = { lifecycle: 0, deviceRemoved: 15 } as const;
/** `virDomainEventType`. */
export const lifecycleEvent = {
  defined: 0,
  undefined: 1,
  started: 2,
  suspended: 3,
  resumed: 4,
  stopped: 5,
  shutdown: 6,
  pmSuspended: 7,
  crashed: 8,
} as const;
