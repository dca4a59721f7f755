export interface SimulateOptions {
  readonly hosts: number;
  readonly servers: number;
  readonly projects?: number;
  readonly atOnce: number;
  readonly data?: string;
  readonly listen?: string;
  readonly fillOnly?: boolean;
  readonly json?: boolean;
}
