/** Times of one kind of call, in milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  readonly count: number;
}

/** The value that so many of a hundred values do not exceed; 0 of nothing. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0;
}

/** Sums times up. */
export function latencyOf(times: readonly number[]): Latency {
  const at = (percent: number): number => percentile(times, percent);
  return { p50: at(50), p95: at(95), p99: at(99), max: at(100), count: times.length };
}
