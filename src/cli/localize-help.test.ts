import { describe, expect, it } from 'vitest';
import { columnsOf, translateComplaint, wrapChinese } from './localize-help.ts';

describe('help in Chinese', () => {
  it('counts two columns for a Chinese character', () => {
    expect(columnsOf('云 cloud')).toBe(8);
  });

  it('wraps between Chinese characters and keeps Latin words whole', () => {
    expect(wrapChinese('启动本机的云 openstack', 10).split('\n')).toEqual(['启动本机的', '云', 'openstack']);
  });

  it('begins no line with a closing mark', () => {
    expect(wrapChinese('启动本机，的云', 8).split('\n')).toEqual(['启动本机，', '的云']);
  });

  it('says what Commander complains of', () => {
    expect(translateComplaint("error: unknown command 'fob'\n(Did you mean foo?)\n")).toBe(
      '错误：没有命令 fob\n（是否想输入 foo？）\n',
    );
    expect(translateComplaint("error: option '--hosts <count>' argument '0' is invalid. 必须是大于零的整数。\n")).toBe(
      '错误：选项 --hosts <count> 的值 0 无效。必须是大于零的整数。\n',
    );
  });
});
