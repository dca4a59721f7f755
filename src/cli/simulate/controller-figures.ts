import type { Api } from './api.ts';
import type { Urls } from './surroundings.ts';

/** What the controller's own process says of itself, by its metrics. */
export interface ControllerFigures {
  readonly memoryMib: number;
  readonly heapMib: number;
  readonly cpuSeconds: number;
  /** Since the figures were read the time before. */
  readonly lagP99Ms: number;
  readonly lagMaxMs: number;
}

/** Event-loop lag is probed with a timer of so many milliseconds, which is in each value. */
const PROBE_MS = 10;
const MIB = 1024 * 1024;

/** Reads the controller's metrics. Nobody else may read them meanwhile: lag is counted from one reading to the next. */
export async function readController(api: Api, urls: Urls): Promise<ControllerFigures> {
  const text = await api.ask({ method: 'GET', url: `${urls['dashboard']}/metrics` });
  const values = readMetrics(text.text());
  const of = (name: string): number => values.get(name) ?? Number.NaN;
  return {
    memoryMib: of('process_resident_memory_bytes') / MIB,
    heapMib: of('nodejs_heap_size_used_bytes') / MIB,
    cpuSeconds: of('process_cpu_seconds_total'),
    lagP99Ms: Math.max(0, of('nodejs_eventloop_lag_p99_seconds') * 1000 - PROBE_MS),
    lagMaxMs: Math.max(0, of('nodejs_eventloop_lag_max_seconds') * 1000 - PROBE_MS),
  };
}

/** Values without labels, of Prometheus' text. */
function readMetrics(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => !line.startsWith('#') && !line.includes('{'));
  return new Map(
    lines.map((line) => {
      const [name = '', value = ''] = line.split(' ');
      return [name, Number(value)];
    }),
  );
}
