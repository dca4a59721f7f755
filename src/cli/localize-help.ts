import type { Command } from 'commander';
import { terminalLanguage, words } from './language.ts';

const CHINESE_TITLES: Readonly<Record<string, string>> = {
  'Usage:': '用法：',
  'Arguments:': '参数：',
  'Options:': '选项：',
  'Commands:': '命令：',
};

/** Commander's own sentences, which it does not let others word. */
const CHINESE_ERRORS: readonly (readonly [RegExp, string])[] = [
  [/^error: unknown option '(.*)'/, '错误：没有选项 $1'],
  [/^error: unknown command '(.*)'/, '错误：没有命令 $1'],
  [/^error: missing required argument '(.*)'/, '错误：缺少参数 $1'],
  [/^error: option '(.*)' argument missing/, '错误：选项 $1 缺少值'],
  [/^error: option '(.*)' argument '(.*)' is invalid\./, '错误：选项 $1 的值 $2 无效。'],
  [/^error: command-argument value '(.*)' is invalid for argument '(.*)'\./, '错误：参数 $2 的值 $1 无效。'],
  [
    /^error: too many arguments(?: for '(.*)')?\. Expected (\d+) arguments? but got (\d+): (.*)\./,
    '错误：参数过多：应为 $2 个，得到 $3 个：$4。',
  ],
  [/Allowed choices are (.*)\./, '可选值：$1。'],
  [/\(Did you mean one of (.*)\?\)/, '（是否想输入其中之一：$1？）'],
  [/\(Did you mean (.*)\?\)/, '（是否想输入 $1？）'],
];

/** Makes help and complaints of a program and its commands speak the terminal's language. Call it before commands are added. */
export function localizeHelp(program: Command): void {
  program
    .helpOption('-h, --help', words({ en: 'display help for command', zh: '显示帮助' }))
    .helpCommand('help [command]', words({ en: 'display help for command', zh: '显示某个命令的帮助' }));
  if (terminalLanguage() !== 'zh') return;
  program
    .configureHelp({
      styleTitle: (title) => CHINESE_TITLES[title] ?? title,
      styleUsage: (usage) => usage.replace('[options]', '[选项]').replace('[command]', '[命令]'),
      styleOptionDescription: translateDefault,
      styleArgumentDescription: translateDefault,
      displayWidth: columnsOf,
      boxWrap: wrapChinese,
    })
    .configureOutput({
      outputError: (text, write) => write(translateComplaint(text)),
    });
}

/** Commander's complaint in Chinese; one that is not known stays as it is. */
export function translateComplaint(text: string): string {
  const chinese = CHINESE_ERRORS.reduce((sentence, [pattern, meant]) => sentence.replace(pattern, meant), text);
  return chinese.replaceAll('。 ', '。');
}

function translateDefault(text: string): string {
  return text.replace(/ ?\(default: (.*)\)$/, '（默认：$1）').replace(/ ?\(choices: (.*)\)$/, '（可选：$1）');
}

const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]/u;
const WIDE_ALL = new RegExp(WIDE.source, 'gu');
/** What no line begins with. */
const CLOSING = /^[，。、；：？！）」』”]/u;

/** How many columns of a terminal a text takes: Chinese characters take two. */
export function columnsOf(text: string): number {
  return text.length + (text.match(WIDE_ALL)?.length ?? 0);
}

/** Wraps a text of Chinese and Latin words: between any two Chinese characters, but not before closing punctuation. */
export function wrapChinese(text: string, width: number): string {
  return text
    .split('\n')
    .map((line) => wrapLine(line, width))
    .join('\n');
}

function wrapLine(line: string, width: number): string {
  const lines: string[] = [];
  let current = '';
  for (const piece of line.match(PIECES) ?? []) {
    const isFull = columnsOf(current + piece.trimEnd()) > width && current !== '' && !CLOSING.test(piece);
    if (isFull) lines.push(current.trimEnd());
    current = isFull ? piece.trimStart() : current + piece;
  }
  return [...lines, current.trimEnd()].join('\n');
}

/** A Chinese character, or a run of others up to the next space. */
const PIECES = new RegExp(`${WIDE.source}|\\s*(?:(?!${WIDE.source})\\S)+|\\s+`, 'gu');
