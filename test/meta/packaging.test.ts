/**
 * What is packaged starts what there is: command lines that `grove up` takes, files that exist, and the settings that matter. Docker,
 * systemd and launchd themselves are not needed here and not asked.
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Command } from 'commander';
import { defineUp } from '../../src/cli/commands/up.ts';
import { serviceNotice } from '../../src/cli/service-notice.ts';

const ROOT = join(import.meta.dirname, '..', '..');

function packaged(path: string): string {
  return readFileSync(join(ROOT, 'packaging', path), 'utf8');
}

/** What a command line sets. Throws when `grove up` does not know it. */
function understood(words: readonly string[]): Record<string, unknown> {
  const program = new Command('grove').exitOverride();
  defineUp(program);
  const [up] = program.commands;
  assert.ok(words[0] === 'up' && up !== undefined, words.join(' '));
  up.exitOverride();
  const { operands, unknown } = up.parseOptions(words.slice(1));
  assert.deepEqual([...operands, ...unknown], [], words.join(' '));
  return up.opts();
}

test('systemd: ready when it is, watched, started again, and without rights that it needs not', () => {
  const unit = packaged('systemd/grove.service');
  const settings = new Map([...unit.matchAll(/^(\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]));
  const wanted = { Type: 'notify', NotifyAccess: 'all', WatchdogSec: '60s', Restart: 'always', ProtectSystem: 'strict', NoNewPrivileges: 'yes' };
  for (const [name, value] of Object.entries(wanted)) assert.equal(settings.get(name), value, name);
  assert.equal(settings.get('MemoryDenyWriteExecute'), undefined, 'V8 needs it');
  const [program, name, ...words] = (settings.get('ExecStart') ?? '').split(' ');
  assert.deepEqual([program, name], ['/usr/bin/env', 'grove']);
  assert.equal(understood(words)['api'], '127.0.0.1:4780');
});

test('launchd: a well-formed property list that keeps a peer running', () => {
  const plist = packaged('launchd/local.grove.plist').replace(/<!--[\s\S]*?-->/g, '');
  const open: string[] = [];
  for (const [, end, name = '', empty] of plist.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
    if (end === '/') assert.equal(open.pop(), name);
    else if (empty !== '/') open.push(name);
  }
  assert.deepEqual(open, []);
  for (const key of ['RunAtLoad', 'KeepAlive']) assert.match(plist, new RegExp(`<key>${key}</key>\\s*<true/>`));
  const command = /exec grove (.*?) &gt;&gt;/.exec(plist)?.[1] ?? '';
  understood(command.split(' '));
});

test('Docker: a pinned base, not root, state in a volume, health, and only files that there are', () => {
  const dockerfile = packaged('docker/Dockerfile');
  const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base);
  for (const base of bases) assert.match(base ?? '', /^node:24\.\d+\.\d+-[a-z]+-slim$/);
  assert.match(dockerfile, /^USER node$/m);
  assert.match(dockerfile, /^VOLUME \/var\/lib\/grove$/m);
  assert.match(dockerfile, /^HEALTHCHECK .*127\.0\.0\.1:4780\/healthz/m);
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, names = '']) => names.split(' '));
  assert.ok(copied.length > 0);
  assert.deepEqual(copied.filter((name) => !existsSync(join(ROOT, name))), []);
  const admitted = packaged('docker/Dockerfile.dockerignore').split('\n').filter((line) => line.startsWith('!')).map((line) => line.slice(1).replace('*', ''));
  assert.deepEqual(copied.filter((name) => !admitted.some((one) => name === one || (one.startsWith('tsconfig') && name.startsWith('tsconfig')))), [], 'the builder gets them');
  understood(JSON.parse(/^CMD (\[.*\])$/m.exec(dockerfile)?.[1] ?? '[]') as string[]);
});

/** The lines of one service, two levels in, as they are written: no parser of YAML is installed for one file. */
function serviceOf(compose: string, name: string): string {
  const lines = compose.split('\n');
  const from = lines.indexOf(`  ${name}:`);
  assert.ok(from > 0, name);
  const length = lines.slice(from + 1).findIndex((line) => /^ {0,2}\S/.test(line));
  return lines.slice(from + 1, from + 1 + length).join('\n');
}

test('compose: a reader beside Grove, which serves feeds to its network and its API to nobody', () => {
  const compose = packaged('docker/compose.yaml');
  for (const line of compose.split('\n')) assert.match(line, /^(?: {2})*(?:\S|$)/, 'two blanks a level, and no tabs');
  const grove = serviceOf(compose, 'grove');
  const [, context = '', dockerfile = ''] = /context: (\S+)\n\s+dockerfile: (\S+)/.exec(grove) ?? [];
  assert.ok(dockerfile !== '' && existsSync(join(ROOT, 'packaging/docker', context, dockerfile)));
  const { api, readers, readersUrl } = understood(JSON.parse(/command: (\[.*\])/.exec(grove)?.[1] ?? '[]') as string[]);
  assert.deepEqual([api, readers, readersUrl], ['127.0.0.1:4780', '0.0.0.0:4782', 'http://grove:4782']);
  assert.deepEqual([...grove.matchAll(/- "(\d+:\d+)"/g)].map(([, port]) => port), ['4790:4790'], 'peers only');
  assert.match(grove, /^ {6}- grove-state:\/var\/lib\/grove$/m);
  assert.match(compose, /^volumes:\n {2}grove-state:$/m);
  assert.match(serviceOf(compose, 'miniflux'), /FETCHER_ALLOW_PRIVATE_NETWORKS: "1"/);
});

test('a service manager is told of readiness, of life and of the end', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'grove-notify-'));
  const heard = join(folder, 'heard');
  writeFileSync(join(folder, 'systemd-notify'), `#!/bin/sh\necho "$@" >> ${heard}\n`);
  chmodSync(join(folder, 'systemd-notify'), 0o700);
  try {
    const notice = serviceNotice({ PATH: `${folder}:${process.env['PATH'] ?? ''}`, NOTIFY_SOCKET: '/run/notify', WATCHDOG_USEC: '40000' });
    const until = async (line: RegExp): Promise<void> => {
      for (let i = 0; i < 500; i++) {
        if (existsSync(heard) && line.test(readFileSync(heard, 'utf8'))) return;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      assert.fail(`${String(line)} was not said within seconds`);
    };
    notice.ready();
    await until(new RegExp(`^READY=1 MAINPID=${process.pid}$`, 'm'));
    await until(/^WATCHDOG=1$/m);
    notice.stopping();
    await until(/^STOPPING=1$/m);
    serviceNotice({ PATH: folder }).ready();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
