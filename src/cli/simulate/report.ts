import { type Words, words } from '../language.ts';
import type { ControllerFigures } from './controller-figures.ts';
import type { Fill } from './fill.ts';
import type { Latency } from './percentile.ts';
import type { Probe } from './probe.ts';

/** What was measured on the way to one size. */
export interface Milestone {
  readonly until: number;
  readonly fill: Fill;
  /** Of the filling: lag and memory under load. */
  readonly loaded: ControllerFigures;
  /** Processor time that the controller took for one server, of any core; what it does beside is in it. */
  readonly cpuMsPerServer: number;
  readonly quiet?: Probe;
}

interface Row {
  readonly what: Words;
  readonly target: string;
  value(milestone: Milestone): string;
}

const ms = (value: number): string => (value < 10 ? value.toFixed(1) : value.toFixed(0));
/** A figure of the quiet cloud, where it was looked at. */
function ofQuiet(show: (quiet: Probe) => string): Row['value'] {
  return ({ quiet }) => (quiet === undefined ? '' : show(quiet));
}

const three = ({ p50, p95, p99 }: Latency): string => `${ms(p50)} / ${ms(p95)} / ${ms(p99)}`;

const ROWS: readonly Row[] = [
  {
    what: { en: 'servers/s from POST to ACTIVE', zh: '每秒云服务器数（POST 到 ACTIVE）' },
    target: '>= 200',
    value: ({ fill }) => fill.perSecond.toFixed(0),
  },
  {
    what: { en: 'controller’s processor time for one server, ms', zh: '控制器每台云服务器的处理器时间，毫秒' },
    target: '< 5',
    value: ({ cpuMsPerServer }) => ms(cpuMsPerServer),
  },
  {
    what: { en: 'servers in ERROR', zh: 'ERROR 状态的云服务器' },
    target: '0',
    value: ({ fill }) => String(fill.failed),
  },
  {
    what: { en: 'POST to ACTIVE, ms', zh: 'POST 到 ACTIVE，毫秒' },
    target: '',
    value: ({ fill }) => three(fill.active),
  },
  {
    what: { en: 'create under load, ms', zh: '负载下创建，毫秒' },
    target: '',
    value: ({ fill }) => three(fill.create),
  },
  { what: { en: 'show under load, ms', zh: '负载下查看，毫秒' }, target: '', value: ({ fill }) => three(fill.show) },
  {
    what: { en: 'event-loop lag p99 under load, ms', zh: '负载下事件循环延迟 p99，毫秒' },
    target: '< 20',
    value: ({ loaded }) => ms(loaded.lagP99Ms),
  },
  { what: { en: 'show, ms', zh: '查看，毫秒' }, target: 'p99 < 10', value: ofQuiet((quiet) => three(quiet.show)) },
  {
    what: { en: 'page of 1000 with details, ms', zh: '含详情的 1000 条分页，毫秒' },
    target: 'p99 < 100',
    value: ofQuiet((quiet) => three(quiet.page)),
  },
  { what: { en: 'create, ms', zh: '创建，毫秒' }, target: '', value: ofQuiet((quiet) => three(quiet.create)) },
  { what: { en: 'delete, ms', zh: '删除，毫秒' }, target: '', value: ofQuiet((quiet) => three(quiet.delete)) },
  {
    what: { en: 'allocation candidates, ms', zh: '分配候选，毫秒' },
    target: '< 10',
    value: ofQuiet((quiet) => three(quiet.candidates)),
  },
  {
    what: { en: 'controller when idle, % of a core', zh: '空闲时控制器占一个核的百分比' },
    target: '< 10',
    value: ofQuiet((quiet) => (quiet.idleCpu * 100).toFixed(1)),
  },
  {
    what: { en: 'controller memory under load, MiB', zh: '负载下控制器内存，MiB' },
    target: '< 500',
    value: ({ loaded }) => loaded.memoryMib.toFixed(0),
  },
  {
    what: { en: 'controller memory after, MiB (heap)', zh: '之后控制器内存，MiB（堆）' },
    target: '< 500',
    value: ofQuiet((quiet) => `${quiet.controller.memoryMib.toFixed(0)} (${quiet.controller.heapMib.toFixed(0)})`),
  },
];

/** The figures as a table: a line for each, a column for each size; latencies are p50 / p95 / p99. */
export function renderTable(milestones: readonly Milestone[]): string {
  const head = ['', ...milestones.map(({ until }) => String(until)), words({ en: 'target', zh: '目标' })];
  const rows = ROWS.map(({ what, target, value }) => [words(what), ...milestones.map(value), target]);
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => width(row[i] ?? ''))));
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, i) => cell + ' '.repeat((widths[i] ?? 0) - width(cell)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Columns on a terminal: Chinese characters take two. */
function width(text: string): number {
  return text.length + (text.match(/[\u2e80-\uffef]/g)?.length ?? 0);
}
