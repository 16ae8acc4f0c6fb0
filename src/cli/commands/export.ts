/**
 * `grove export`: the subscriptions of this peer as a list (OPML), for any reader; with their own URLs, so that nothing ties anybody
 * to Grove, or with local ones. And `grove restore`: the list that came in, byte for byte, out of the one that `import` wrote.
 */
import type { Command } from 'commander';
import { GroveError } from '../../core/errors.ts';
import type { FeedSummary } from '../../daemon/feeds/views.ts';
import type { PeerOptions } from '../command.ts';
import { withExamples, withJson, withPeer } from '../command.ts';
import { findPeer } from '../client.ts';
import { addressElsewhere } from '../elsewhere.ts';
import { printJson, printLine } from '../output.ts';
import { readList, writeList } from './import.ts';

interface ExportOptions extends PeerOptions {
  readonly output?: string;
  readonly local?: boolean;
  readonly elsewhere?: boolean;
}

export function defineExport(program: Command): void {
  const command = program
    .command('export')
    .description('Writes all subscriptions as a list (OPML).')
    .option('-o, --output <file>', 'write it to this file instead of standard output')
    .option('--local', 'with the local URLs instead of the original ones')
    .option('--elsewhere', 'with URLs for a reader on another machine or in a container (`up --readers`)');
  withExamples(withPeer(command), ['export -o subs.opml', 'export --local -o local.opml']);
  command.action(async (options: ExportOptions) => {
    const { withLocalUrls, writeOpml } = await import('../../daemon/feeds/opml.ts');
    const peer = findPeer(options);
    const address = options.elsewhere === true ? await addressElsewhere(peer) : (local: string) => local;
    const feeds = await peer.json<readonly FeedSummary[]>('GET', 'feeds');
    const locals = new Map(feeds.map(({ url, local }) => [url, address(local)]));
    const list = Buffer.from(writeOpml('Grove subscriptions', feeds.map(({ url, title }) => ({ url, title: title ?? url }))));
    deliver(options.local === true || options.elsewhere === true ? withLocalUrls(list, (url) => locals.get(url)) : list, options, { exported: feeds.length });
  });
}

export function defineRestore(program: Command): void {
  const command = program
    .command('restore')
    .description('Puts the original URLs back into a list that `import` wrote. Needs no running peer.')
    .argument('<opml>', 'the list with local URLs')
    .option('-o, --output <file>', 'write it to this file instead of standard output');
  withExamples(withJson(command), ['restore local.opml -o subs.opml']);
  command.action(async (file: string, options: ExportOptions) => {
    const { withOriginalUrls } = await import('../../daemon/feeds/opml.ts');
    const original = withOriginalUrls(readList(file));
    if (original === undefined) throw new GroveError('usage', `${file} is no list of subscriptions: it has no <opml>.`);
    deliver(original.bytes, options, { restored: original.restored });
  });
}

function deliver(bytes: Uint8Array, { output, json }: ExportOptions, counts: Readonly<Record<string, number>>): void {
  const [[what = '', count = 0] = []] = Object.entries(counts);
  if (output !== undefined) writeList(output, bytes);
  if (json === true) printJson({ ...counts, output: output ?? null, ...(output === undefined ? { opml: Buffer.from(bytes).toString('utf8') } : {}) });
  else if (output === undefined) process.stdout.write(bytes);
  else printLine(`${count} ${count === 1 ? 'feed' : 'feeds'} ${what}, in ${output}.`);
}
