import { describe, expect, it } from 'vitest';
import { cloudFolder, commandFor } from './cloud-folder.ts';
import { terminalLanguage } from './language.ts';

describe('a command shown to a person', () => {
  it('names the folder of any cloud but the usual one', () => {
    expect(commandFor(cloudFolder(undefined).path, 'down')).toBe('./pileus down');
    expect(commandFor('/srv/cloud-1', 'down')).toBe('./pileus down --data /srv/cloud-1');
  });

  it('can be pasted into a shell, whatever is in the name', () => {
    expect(commandFor("/srv/it's $HOME", 'up')).toBe("./pileus up --data '/srv/it'\\''s $HOME'");
  });
});

describe('the language of a terminal', () => {
  it('is what the first variable says that is not empty', () => {
    expect(terminalLanguage({ LC_ALL: '', LANG: 'zh_CN.UTF-8' })).toBe('zh');
    expect(terminalLanguage({ LC_ALL: 'C.UTF-8', LANG: 'zh_CN.UTF-8' })).toBe('en');
    expect(terminalLanguage({})).toBe('en');
  });
});
