/** An explanation as people read it: what, how it is, what it waits for, what was before, what to do. */
import { type Language, terminalLanguage, type Words } from '../language.ts';
import { padTo, widthOf } from '../text-width.ts';

interface ToldFailure {
  readonly code: string;
  readonly message: string;
}

interface ToldOwner {
  readonly kind: 'task' | 'agent' | 'writer' | 'controller' | 'user';
  readonly task?: string;
  readonly step?: string | null;
  readonly direction?: 'forward' | 'undo';
  readonly controller?: string | null;
  readonly host?: string | null;
  readonly is_up?: boolean;
  readonly last_seen_at?: string | null;
  readonly desired_revision?: number | null;
  readonly reported_revision?: number | null;
}

/** As `/operations/v1/resources/{id}` tells of it. */
export interface ToldResource {
  readonly type: string;
  readonly id: string;
  readonly name: string | null;
  readonly project_id: string | null;
  readonly state: string;
  readonly is_final: boolean;
  readonly waits: readonly {
    readonly what: Words;
    readonly since: string | null;
    readonly until: string | null;
    readonly owner: ToldOwner;
    readonly next_try_at: string | null;
    readonly attempts: number;
    readonly last_failure: ToldFailure | null;
  }[];
  readonly history: readonly {
    readonly what: string;
    readonly started_at: string;
    readonly outcome: 'done' | 'failed' | 'unfinished';
    readonly step: string | null;
    readonly failure: ToldFailure | null;
  }[];
  readonly next_step: Words;
}

/** Renders for a terminal. @param nowMs what times are told against. */
export function renderExplanation(told: ToldResource, nowMs: number, language: Language = terminalLanguage()): string {
  const say = (en: string, zh: string): string => (language === 'zh' ? zh : en);
  const ago = (at: string): string => timeAgo(at, nowMs, language);
  const rows: [label: string, text: string][] = [];
  for (const wait of told.waits) {
    rows.push([say('waits for', '等待'), wait.what[language]]);
    if (wait.since !== null) rows.push([say('since', '始于'), ago(wait.since)]);
    if (wait.until !== null) rows.push([say('until', '截止'), ago(wait.until)]);
    rows.push([say('next step', '下一步由'), ownerText(wait.owner, nowMs, language)]);
    if (wait.next_try_at !== null) rows.push([say('next try', '下次尝试'), ago(wait.next_try_at)]);
    if (wait.attempts > 0) rows.push([say('failed', '已失败'), say(`${wait.attempts} times`, `${wait.attempts} 次`)]);
    if (wait.last_failure !== null) rows.push([say('last failure', '上次失败'), failureText(wait.last_failure)]);
    rows.push(['', '']);
  }
  const width = Math.max(...rows.map(([label]) => widthOf(label)), 10);
  const head = `${told.type} ${told.name ?? ''} ${told.id}`.replaceAll(/ +/g, ' ');
  const kind = told.is_final ? say('final', '终态') : say('under way', '进行中');
  const lines = [head, `${padTo(say('state', '状态'), width)}  ${told.state} (${kind})`];
  if (told.waits.length === 0) lines.push(`${padTo(say('waits for', '等待'), width)}  ${say('nothing', '无')}`);
  lines.push(...rows.slice(0, -1).map(([label, text]) => (label === '' ? '' : `${padTo(label, width)}  ${text}`)));
  lines.push(`${padTo('→', width)}  ${told.next_step[language]}`);
  if (told.history.length > 0) {
    lines.push('', say('before, newest first', '此前（由新到旧）'));
    const times = told.history.map(({ started_at }) => ago(started_at));
    const column = Math.max(...times.map(widthOf));
    told.history.forEach((past, i) => {
      const sign = { done: '✓', failed: '✗', unfinished: '…' }[past.outcome];
      const step = past.step === null ? '' : say(`, at "${past.step}"`, `，步骤“${past.step}”`);
      const failure = past.failure === null ? '' : `: ${past.failure.message}`;
      lines.push(`${sign} ${padTo(times[i] ?? '', column)}  ${past.what}${step}${failure}`);
    });
  }
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

function failureText({ code, message }: ToldFailure): string {
  return `${message} (${code})`;
}

function ownerText(owner: ToldOwner, nowMs: number, language: Language): string {
  const say = (en: string, zh: string): string => (language === 'zh' ? zh : en);
  switch (owner.kind) {
    case 'user':
      return say('you', '您');
    case 'controller':
      return say('the controller, by itself', '控制器（自动）');
    case 'writer':
      return say('whoever uploads the data', '上传数据者');
    case 'task': {
      const step = owner.step == null ? '' : say(`, step "${owner.step}"`, `，步骤“${owner.step}”`);
      const undo = owner.direction === 'undo' ? say(', being undone', '，正在撤销') : '';
      const by =
        owner.controller == null ? '' : say(`, on controller ${owner.controller}`, `，控制器 ${owner.controller}`);
      return say(`task ${owner.task}`, `任务 ${owner.task}`) + step + undo + by;
    }
    case 'agent': {
      const host =
        owner.host == null
          ? say("its host's agent", '其主机的代理')
          : say(`the agent on ${owner.host}`, `${owner.host} 上的代理`);
      const seen = owner.last_seen_at == null ? '' : timeAgo(owner.last_seen_at, nowMs, language);
      const how = owner.is_up === true ? say('up', '在线') : say(`DOWN, last seen ${seen}`, `离线，最后联系于${seen}`);
      const { desired_revision: desired, reported_revision: reported } = owner;
      const behind =
        desired == null || reported == null || reported >= desired
          ? ''
          : say(`, has seen revision ${reported} of ${desired}`, `，已知修订 ${reported}/${desired}`);
      return `${host}: ${how}${behind}`;
    }
  }
}

const UNITS: readonly (readonly [ms: number, en: string, zh: string])[] = [
  [24 * 3600_000, 'd', '天'],
  [3600_000, 'h', '小时'],
  [60_000, 'min', '分钟'],
  [1_000, 's', '秒'],
];

/** `3 min ago`, `in 20 s`: in the largest unit of which there is at least one. */
export function timeAgo(at: string, nowMs: number, language: Language): string {
  const ms = nowMs - Date.parse(at);
  const [unitMs, en, zh] = UNITS.find(([size]) => Math.abs(ms) >= size) ?? [1_000, 's', '秒'];
  const count = Math.round(Math.abs(ms) / unitMs);
  if (count === 0) return language === 'zh' ? '现在' : 'now';
  if (language === 'zh') return `${count} ${zh}${ms >= 0 ? '前' : '后'}`;
  return ms >= 0 ? `${count} ${en} ago` : `in ${count} ${en}`;
}
