/**
 * What the command files share: the options that every command has, and how arguments are checked.
 * One place for them, so that --json, --data and the style of the help are the same everywhere.
 */
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { ClientOptions } from './client.ts';

/** How to call this program on the machine it runs on: a checkout has no `grove` on the path. */
export const GROVE = import.meta.url.endsWith('.ts') ? 'npx grove' : 'grove';

export interface PeerOptions extends ClientOptions {
  readonly json?: boolean;
}

export function withJson(command: Command): Command {
  return command.option('--json', 'print one JSON value and nothing else');
}

/** For commands that talk to a running peer. */
export function withPeer(command: Command): Command {
  return withJson(command)
    .option('--data <dir>', 'the state directory of the running peer')
    .option('--api <url>', 'the address of its API instead, with --token-file')
    .option('--token-file <file>', 'the file with the token for --api');
}

export function withExamples(command: Command, examples: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${examples.map((example) => `  ${GROVE} ${example}`).join('\n')}`);
}

/** Reads "90s", "10m", "1.5h", "7d" or "250ms" as milliseconds, for options and arguments. */
export function durationMs(text: string): number {
  const [, value, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim()) ?? [];
  const sizes: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  if (value === undefined) throw new InvalidArgumentError('It must be a duration like 90s, 10m, 6h or 1d.');
  return Number(value) * (sizes[unit] ?? 1);
}

/** An address at which the operators of sites learn more, or reach somebody; it is put into a header. */
export const CONTACT = /^(?:https?:\/\/|mailto:)[!#-'*-:<-~]{3,200}$/i;
export const CONTACT_FORM = 'must be an address like https://example.org/bot or mailto:me@example.org';

export function contactAddress(text: string): string {
  const trimmed = text.trim();
  if (CONTACT.test(trimmed) && URL.canParse(trimmed)) return trimmed;
  throw new InvalidArgumentError(`It ${CONTACT_FORM}.`);
}

/** Parses a number within bounds; `whole` refuses fractions. */
/** A rate like 500kbit, 10mbit or 1gbit, in bit/s. */
export function rateBps(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(kbit|mbit|gbit)$/i.exec(text.trim()) ?? [];
  const bps = Number(number) * ({ kbit: 1e3, mbit: 1e6, gbit: 1e9 }[unit?.toLowerCase() ?? ''] ?? NaN);
  if (!(bps > 0)) throw new InvalidArgumentError('It must be a rate like 500kbit, 10mbit or 1gbit.');
  return bps;
}

export function numberWithin(min: number, max: number, whole: boolean): (text: string) => number {
  return (text) => {
    const value = Number(text);
    const fits = text.trim() !== '' && value >= min && value <= max && (!whole || Number.isInteger(value));
    if (fits) return value;
    throw new InvalidArgumentError(`It must be a ${whole ? 'whole ' : ''}number from ${min} to ${max}.`);
  };
}
