/**
 * `grove listen TOPIC`: prints messages told to this machine, and on request runs a command of its operator for each.
 *
 * What runs is decided here and never by the message: its topic and text reach the command in the environment and on
 * standard input, and are data. One command runs at a time; messages that come meanwhile wait their turn.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Command } from 'commander';
import type { PeerOptions } from '../command.ts';
import { withExamples, withPeer } from '../command.ts';
import { findPeer } from '../client.ts';
import { printError, printJson, printLine } from '../output.ts';
import { shown } from '../text.ts';

interface ListenOptions extends PeerOptions {
  readonly exec?: string;
}

interface ToldEvent {
  readonly event: string;
  readonly at: string;
  readonly topic: string;
  readonly text: string;
  readonly from: { readonly peerId: string; readonly name: string };
}

const TEXT_MAX = 4_000;

export function defineListen(program: Command): void {
  const command = program
    .command('listen')
    .description('Prints messages that `tell` sends to this machine.')
    .argument('<topic>', 'the topic, or * for all')
    .option('--exec <command>', 'run this for each, with GROVE_TOPIC, GROVE_MESSAGE and GROVE_FROM set and the message on standard input');
  withExamples(withPeer(command), ['listen deploy', "listen deploy --exec './deploy.sh'"]);
  command.action(async (topic: string, options: ListenOptions) => {
    for await (const event of findPeer(options).events<ToldEvent>('events')) {
      if (event.event !== 'told' || (topic !== '*' && event.topic !== topic)) continue;
      if (options.json === true) printJson({ at: event.at, topic: event.topic, message: event.text, from: event.from });
      else printLine(`${event.at} ${shown(event.from.name)} ${shown(event.topic, 64)}: ${shown(event.text, TEXT_MAX)}`);
      if (options.exec !== undefined) await run(options.exec, event);
    }
  });
}

async function run(command: string, { topic, text, from }: ToldEvent): Promise<void> {
  const env = { ...process.env, GROVE_TOPIC: topic, GROVE_MESSAGE: text.replaceAll('\0', ''), GROVE_FROM: from.peerId };
  const child = spawn(command, { shell: true, env, stdio: ['pipe', 'inherit', 'inherit'] });
  child.stdin.on('error', () => undefined); // it need not read
  child.stdin.end(text);
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) printError(`The command for ${JSON.stringify(topic)} ended with code ${code ?? 'none'}.`);
}
