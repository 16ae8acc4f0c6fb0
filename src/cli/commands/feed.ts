/**
 * `grove feed`: subscriptions of this peer. A feed is named by its URL, by its id or by its local URL.
 * The second line of `add` is the one that matters: the URL to give to a reader.
 */
import type { Command } from 'commander';
import { Option } from 'commander';
import type { FeedDetail, FeedReasons, FeedSummary } from '../../daemon/feeds/views.ts';
import type { PeerOptions } from '../command.ts';
import { durationMs, numberWithin, withExamples, withPeer } from '../command.ts';
import { findPeer } from '../client.ts';
import { elsewhereOf } from '../elsewhere.ts';
import { printAdded, printDetail, printFeeds, printReasons } from '../feed-output.ts';
import { hint, printJson, printLine } from '../output.ts';
import { shown } from '../text.ts';
import { WHO_SEES_WHAT } from '../who-sees-what.ts';

export interface WishOptions {
  readonly maxStaleness?: number;
  readonly fanout?: number;
  readonly scope?: 'pool' | 'friends' | 'local';
  readonly neverOrigin?: boolean;
}

const FEED = 'its URL, id or local URL';

export function defineFeed(program: Command): void {
  const feed = program.command('feed').description('Subscribes to feeds, shows how fresh they are, and why.');
  withExamples(feed, ['feed add https://example.com/feed.xml', 'feed list', 'feed why https://example.com/feed.xml']);
  defineAdd(feed);
  defineList(feed);
  defineShow(feed);
  defineRemove(feed);
  defineRefresh(feed);
  defineWhy(feed);
}

/** What somebody may want of a feed. */
export function withWish(command: Command): Command {
  return command
    .option('--max-staleness <time>', 'how late news may be: 90s, 10m, 1h, 1d (default: what the peer was started with)', durationMs)
    .option('--fanout <n>', 'peers that this one passes the feed on to at most', numberWithin(0, 1_000, true))
    .addOption(new Option('--scope <scope>', 'who shares it: the pool, friends with the same invite, or this machine only').choices(['pool', 'friends', 'local']))
    .option('--never-origin', 'never be seen by the origin: be late instead when the pool is');
}

/** The wish as the API takes it. */
export function wishOf({ maxStaleness, fanout, scope, neverOrigin }: WishOptions): Readonly<Record<string, unknown>> {
  return {
    ...(maxStaleness === undefined ? {} : { maxStalenessMs: maxStaleness }),
    ...(fanout === undefined ? {} : { fanout }),
    ...(scope === undefined ? {} : { scope }),
    ...(neverOrigin === undefined ? {} : { neverOrigin }),
  };
}

function defineAdd(feed: Command): void {
  const command = withWish(feed.command('add').description('Subscribes to a feed, or changes the wishes for it.').argument('<url>', 'of the feed'));
  withExamples(withPeer(command), ['feed add https://example.com/feed.xml', 'feed add https://example.com/feed.xml --max-staleness 10m', 'feed add https://example.com/feed.xml --scope local']);
  command.action(async (url: string, options: PeerOptions & WishOptions) => {
    const peer = findPeer(options);
    const added = await peer.json<FeedSummary>('PUT', 'feeds', { url, ...wishOf(options) });
    if (options.json === true) return printJson(added);
    printAdded(added);
    const isFirst = (await peer.json<readonly FeedSummary[]>('GET', 'feeds')).length === 1;
    if (isFirst) hint(`\nWho sees what:\n${WHO_SEES_WHAT.map((line) => `  - ${line}`).join('\n')}`);
  });
}

function defineList(feed: Command): void {
  const command = feed.command('list').description('Lists all feeds of this peer: how fresh they are, and where readers find them.');
  withExamples(withPeer(command), ['feed list', 'feed list --json']);
  command.action(async (options: PeerOptions) => {
    const feeds = await findPeer(options).json<readonly FeedSummary[]>('GET', 'feeds');
    if (options.json === true) return printJson(feeds);
    if (feeds.length === 0) return printLine('No feeds yet: add one with `grove feed add URL`, or a whole list with `grove import FILE.opml`.');
    printFeeds(feeds);
  });
}

function defineShow(feed: Command): void {
  const command = feed.command('show').description('Shows one feed, with its newest items and what vouches for them.').argument('<feed>', FEED);
  withExamples(withPeer(command), ['feed show https://example.com/feed.xml']);
  command.action(async (name: string, options: PeerOptions) => {
    const peer = findPeer(options);
    const detail = await peer.json<FeedDetail>('GET', pathOfFeed(name));
    if (options.json === true) printJson(detail);
    else printDetail(detail, (await elsewhereOf(peer))?.(detail.local));
  });
}

function defineRemove(feed: Command): void {
  const command = feed.command('remove').description('Ends a subscription, and forgets the feed.').argument('<feed>', FEED);
  withExamples(withPeer(command), ['feed remove https://example.com/feed.xml']);
  command.action(async (name: string, options: PeerOptions) => {
    const removed = await findPeer(options).json<{ readonly id: string; readonly url: string }>('DELETE', pathOfFeed(name));
    if (options.json === true) printJson(removed);
    else printLine(`Removed ${shown(removed.url, 300)}.`);
  });
}

function defineRefresh(feed: Command): void {
  const command = feed.command('refresh').description('Asks for news now, as far as the origin allows.').argument('<feed>', FEED);
  withExamples(withPeer(command), ['feed refresh https://example.com/feed.xml']);
  command.action(async (name: string, options: PeerOptions) => {
    const summary = await findPeer(options).json<FeedSummary>('POST', `${pathOfFeed(name)}/refresh`);
    if (options.json === true) printJson(summary);
    else printFeeds([summary]);
  });
}

function defineWhy(feed: Command): void {
  const command = feed.command('why').description('Says why a feed is as fresh or as late as it is: parent, children, polls, what the origin allows.').argument('<feed>', FEED);
  withExamples(withPeer(command), ['feed why https://example.com/feed.xml']);
  command.action(async (name: string, options: PeerOptions) => {
    const why = await findPeer(options).json<FeedReasons>('GET', `${pathOfFeed(name)}/why`);
    if (options.json === true) printJson(why);
    else printReasons(why);
  });
}

function pathOfFeed(name: string): string {
  return `feeds/${encodeURIComponent(name)}`;
}
