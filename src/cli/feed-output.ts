/**
 * How feeds are shown to people. Titles, reasons and names come from strangers and are stripped of what could move the
 * cursor or turn text around (text.ts).
 */
import type { FeedDetail, FeedReasons, FeedSummary } from '../daemon/feeds/views.ts';
import { printFields, printLine, printTable } from './output.ts';
import { counted, shown, shownBytes, shownDuration } from './text.ts';

const SENTENCE_MAX = 400;
const URL_MAX = 300;
const ITEMS_SHOWN = 10;

export function printFeeds(feeds: readonly FeedSummary[]): void {
  const rows = feeds.map((feed) => [shown(feed.title ?? feed.url, 34), feed.state, staleness(feed), shownDuration(feed.maxStalenessMs), feed.role, feed.items, feed.local]);
  printTable(['feed', 'state', 'stale p99', 'wish', 'role', 'items', 'local URL'], rows);
  for (const feed of feeds.filter((one) => one.state !== 'met' && one.state !== 'pending')) printLine(`${shown(feed.title ?? feed.url)}: ${shown(feed.reason, SENTENCE_MAX)}`);
}

export function printAdded(feed: FeedSummary): void {
  printLine(`Give your reader this URL: ${feed.local}`);
  printLine(`${shown(feed.url, URL_MAX)}: ${feed.state}. ${shown(feed.reason, SENTENCE_MAX)}`);
}

export function printDetail(feed: FeedDetail, elsewhere: string | undefined): void {
  printFields([
    ['feed', shown(feed.title ?? '', 80)],
    ['url', shown(feed.url, URL_MAX)],
    ...(feed.originUrl === feed.url ? [] : [['asked at', shown(feed.originUrl, URL_MAX)] as const]),
    ['local', feed.local],
    ...(elsewhere === undefined ? [] : [['elsewhere', elsewhere] as const]),
    ['state', `${feed.state}: ${shown(feed.reason, SENTENCE_MAX)}`],
    ['wish', `at most ${shownDuration(feed.maxStalenessMs)} late${feed.neverOrigin ? ', and never to be seen by the origin' : ''}`],
    ['scope', feed.scopeReason === null ? feed.scope : `${feed.scope}: ${shown(feed.scopeReason, SENTENCE_MAX)}`],
    ['staleness', staleness(feed)],
    ['version', feed.version === null ? 'none yet' : `${shownBytes(feed.version.bytes)}, ${shown(feed.version.contentType, 60)}, since ${feed.version.receivedAt}; ${feed.versions} kept`],
    ...(feed.version === null || feed.version.attestedBy.peers === 0 ? [] : [['attested', attested(feed.version.attestedBy)] as const]),
    ['origin', `${asked(feed)}; next ${feed.nextPoll ?? 'not planned'}`],
    ['items', `${feed.items} (${trusted(feed)})`],
  ]);
  for (const { title, published, firstSeen, trust, attestations } of feed.latestItems.slice(0, ITEMS_SHOWN)) {
    printLine(`  ${published ?? firstSeen}  ${shown(title, 70)}  [${trust}${trust === 'attested' ? ` ${attestations}` : ''}]`);
  }
}

export function printReasons(why: FeedReasons): void {
  const { pool } = why;
  printFields([
    ['feed', shown(why.url, URL_MAX)],
    ['state', `${why.state}: ${shown(why.reason, SENTENCE_MAX)}`],
    ['wish', `at most ${shownDuration(why.maxStalenessMs)} late`],
    ['floor', `${shownDuration(why.floorMs)}, by ${why.floorBy}: ${shown(why.floorReason, SENTENCE_MAX)}`],
    ['role', why.role],
    ['parent', why.parent === null ? 'none' : shown(why.parent.name)],
    ['children', why.children.length === 0 ? 'none' : why.children.map(({ name }) => shown(name)).join(', ')],
    ['polls', why.schedule.next === null ? `none planned: ${shown(why.schedule.reason, SENTENCE_MAX)}` : `every ${shownDuration(why.schedule.intervalMs)}, next ${why.schedule.next}: ${shown(why.schedule.reason, SENTENCE_MAX)}`],
    ['origin', asked(why)],
    ...(why.failures.count === 0 ? [] : [['failures', `${why.failures.count}, last: ${shown(why.failures.last ?? '', SENTENCE_MAX)}; again ${why.failures.retryAt ?? 'never'}`] as const]),
    ['pool', pool === null ? 'no: this peer is on its own with this feed' : `${counted(pool.subscribers, 'subscriber')}; a poll every ${shownDuration(pool.gapMs)}; ${shownDuration(pool.delayMs)} on the way`],
    ['fresh', why.freshAt ?? 'not known'],
    ['scope', why.scopeReason === null ? why.scope : `${why.scope}: ${shown(why.scopeReason, SENTENCE_MAX)}`],
  ]);
}

function staleness({ stalenessMs: { p50, p99 } }: FeedSummary): string {
  return p99 === null ? 'not known' : `${shownDuration(p99)} (p50 ${shownDuration(p50 ?? p99)})`;
}

function asked({ originRequests, lastOriginRequest }: Pick<FeedSummary, 'originRequests' | 'lastOriginRequest'>): string {
  const { 200: full, 304: unchanged, 429: refused, error } = originRequests;
  if (lastOriginRequest === null) return 'never asked by this peer';
  return `asked ${counted(full + unchanged + refused + error, 'time')} by this peer (${full} new, ${unchanged} unchanged, ${refused} too many, ${error} failed), last ${lastOriginRequest}`;
}

function attested({ peers, networks }: NonNullable<FeedDetail['version']>['attestedBy']): string {
  if (peers === 1) return 'by one peer';
  return networks < peers ? `by ${peers} peers, of which this peer has seen ${networks} to be in networks of their own` : `by ${peers} peers in as many networks`;
}

function trusted({ trust }: FeedSummary): string {
  const labels = Object.entries(trust).filter(([, count]) => count > 0);
  return labels.length === 0 ? 'none' : labels.map(([label, count]) => `${count} ${label}`).join(', ');
}
