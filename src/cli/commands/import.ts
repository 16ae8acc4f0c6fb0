/**
 * `grove import FILE.opml -o local.opml`: all subscriptions of a reader at once, and the list to give back to it.
 *
 * Entries that are broken do not stop the others: each is named with its line and stays in the new list as it was. Exit code 0
 * as long as anything was imported.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { GroveError } from '../../core/errors.ts';
import type { FeedSummary } from '../../daemon/feeds/views.ts';
import type { OpmlFault, OpmlList } from '../../daemon/feeds/opml.ts';
import type { Client } from '../client.ts';
import { findPeer } from '../client.ts';
import { addressElsewhere } from '../elsewhere.ts';
import type { PeerOptions } from '../command.ts';
import { GROVE, withExamples, withPeer } from '../command.ts';
import { hint, printJson, printLine } from '../output.ts';
import { Progress } from '../progress.ts';
import { shown } from '../text.ts';
import type { WishOptions } from './feed.ts';
import { wishOf, withWish } from './feed.ts';

interface ImportOptions extends PeerOptions, WishOptions {
  readonly output?: string;
  readonly elsewhere?: boolean;
}

type Added = { readonly url: string; readonly feed: FeedSummary } | { readonly url: string; readonly error: string };

/** Of a request, well below what the API takes. */
const BATCH_FEEDS = 200;
const BATCH_BYTES = 40_000;

export function defineImport(program: Command): void {
  const command = withWish(
    program
      .command('import')
      .description('Subscribes to every feed of a list (OPML), and writes the list with local URLs for the reader.')
      .argument('<opml>', 'the list that the reader exported')
      .option('-o, --output <file>', 'where to write the list with local URLs')
      .option('--elsewhere', 'with -o: URLs for a reader on another machine or in a container (`up --readers`)'),
  );
  withExamples(withPeer(command), ['import subs.opml -o local.opml', 'import subs.opml -o local.opml --max-staleness 30m']);
  command.action(async (file: string, options: ImportOptions) => {
    const { withLocalUrls } = await import('../../daemon/feeds/opml.ts');
    const bytes = readList(file);
    const list = await parsedList(file, bytes);
    const peer = findPeer(options);
    const address = options.elsewhere === true ? await addressElsewhere(peer) : (local: string) => local;
    const { feeds, faults } = await subscribe(peer, list, options);
    const localOf = (url: string): string | undefined => {
      const local = feeds.get(url)?.local;
      return local === undefined ? undefined : address(local);
    };
    if (options.output !== undefined) writeList(options.output, withLocalUrls(bytes, localOf));
    const all = [...new Map([...feeds.values()].map((feed) => [feed.id, feed])).values()];
    if (feeds.size === 0) throw new GroveError('usage', `No feed of ${file} could be imported${faults[0] === undefined ? ': it lists none' : ` (line ${faults[0].line}: ${faults[0].reason})`}.`);
    if (options.json === true) return printJson({ imported: all.length, broken: faults, local: all.filter((one) => one.scope === 'local').length, output: options.output ?? null });
    print(all, faults, options.output);
  });
}

export function readList(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new GroveError('usage', `${file} cannot be read: check its path and owner.`, { cause: error });
  }
}

export function writeList(file: string, bytes: Uint8Array): void {
  try {
    writeFileSync(file, bytes);
  } catch (error) {
    throw new GroveError('usage', `${file} cannot be written: check its path and owner.`, { cause: error });
  }
}

export async function parsedList(file: string, bytes: Uint8Array): Promise<OpmlList> {
  const { OPML_BYTES_MAX, readOpml } = await import('../../daemon/feeds/opml.ts');
  const list = bytes.length > OPML_BYTES_MAX ? undefined : readOpml(bytes);
  if (list === undefined) throw new GroveError('usage', `${file} is no list of subscriptions: it has no <opml>.`);
  return list;
}

async function subscribe(peer: Client, list: OpmlList, options: WishOptions): Promise<{ readonly feeds: ReadonlyMap<string, FeedSummary>; readonly faults: readonly OpmlFault[] }> {
  const feeds = new Map<string, FeedSummary>();
  const refused = new Map<string, string>();
  const urls = [...new Set(list.feeds.map(({ url }) => url))];
  const progress = new Progress(urls.length, 'feeds');
  for (const batch of batches(urls)) {
    const added = await peer.json<readonly Added[]>('POST', 'feeds/batch', { feeds: batch.map((url) => ({ url, ...wishOf(options) })) });
    for (const one of added) {
      if ('feed' in one) feeds.set(one.url, one.feed);
      else refused.set(one.url, one.error);
    }
    progress.advance(batch.length);
  }
  const faults = [...list.faults, ...list.feeds.filter(({ url }) => !feeds.has(url)).map(({ line, url }) => ({ line, reason: refused.get(url) ?? TOO_LONG }))];
  return { feeds, faults: faults.toSorted((a, b) => a.line - b.line) };
}

const URL_LENGTH_MAX = 2_048;
const TOO_LONG = `Its URL has more than ${URL_LENGTH_MAX} characters.`;

function batches(urls: readonly string[]): string[][] {
  const all: string[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const url of urls) {
    if (url.length > URL_LENGTH_MAX) continue;
    const size = Buffer.byteLength(JSON.stringify(url)) + 120;
    if (bytes + size > BATCH_BYTES || (all.at(-1)?.length ?? 0) >= BATCH_FEEDS) {
      all.push([]);
      bytes = 0;
    }
    all.at(-1)?.push(url);
    bytes += size;
  }
  return all;
}

function print(feeds: readonly FeedSummary[], faults: readonly OpmlFault[], output: string | undefined): void {
  const local = feeds.filter((one) => one.scope === 'local').length;
  printLine(`Imported ${feeds.length} ${feeds.length === 1 ? 'feed' : 'feeds'}${local === 0 ? '' : `; ${local} of them look private and stay on this machine`}.`);
  for (const { line, reason } of faults) printLine(`line ${line}: ${shown(reason, 400)}`);
  if (faults.length > 0) printLine(`${faults.length} ${faults.length === 1 ? 'entry was' : 'entries were'} left out, as listed.`);
  if (output === undefined) hint(`\nFor a list with local URLs add -o local.opml, or write one now: ${GROVE} export --local -o local.opml`);
  else hint(`\nImport ${output} in your reader. To undo: ${GROVE} restore ${output} -o original.opml`);
}
