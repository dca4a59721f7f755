import { collectDefaultMetrics, Histogram, Registry } from 'prom-client';

export interface Metrics {
  readonly registry: Registry;
  /** One finished request. `route` is the operation's name, never a path with ids in it. */
  observeRequest(labels: { service: string; route: string; status: number }, seconds: number): void;
}

/** Opens the program's Prometheus registry. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'pileus_http_request_seconds',
    help: 'Time from the first byte of a request to the end of its answer',
    labelNames: ['service', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    registers: [registry],
  });
  return {
    registry,
    observeRequest: (labels, seconds) => requests.observe(labels, seconds),
  };
}
