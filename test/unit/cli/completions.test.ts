/** Scripts for shells: each shell that is installed reads its own, and bash completes with it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { Command } from 'commander';
import { defineFeed } from '../../../src/cli/commands/feed.ts';
import { completions, SHELLS } from '../../../src/cli/completions.ts';

const program = new Command('grove').option('--plain', 'lines');
defineFeed(program);

const CHECK = { bash: ['bash', '-n'], zsh: ['zsh', '-n'], fish: ['fish', '--no-execute'] } as const;

for (const shell of SHELLS) {
  const [name, flag] = CHECK[shell];
  const isThere = spawnSync(name, ['-c', 'true']).status === 0;
  test(isThere ? `${shell} can read its script` : `${shell} is not installed here: only what its script names is looked at`, () => {
    const script = completions(program, shell);
    for (const word of ['feed', 'add', 'why', 'max-staleness', 'plain']) assert.ok(script.includes(word), word);
    if (!isThere) return;
    const { status, stderr } = spawnSync(name, [flag], { input: script });
    assert.equal(status, 0, stderr.toString());
  });
}

test('bash completes commands, subcommands and their options, also after options', () => {
  const complete = (...words: string[]): string => {
    const script = `${completions(program, 'bash')}\nCOMP_WORDS=(grove "$@"); COMP_CWORD=$#; _grove; echo "\${COMPREPLY[*]}"`;
    return spawnSync('bash', ['-s', '--', ...words], { input: script }).stdout.toString().trim();
  };
  assert.equal(complete('fe'), 'feed');
  assert.equal(complete('feed', 're'), 'remove refresh');
  assert.equal(complete('--plain', 'feed', 'add', '--max'), '--max-staleness');
});
