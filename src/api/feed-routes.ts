/**
 * What the routes about subscriptions answer: a feed is named by its id, its URL or a local URL of it, percent-encoded.
 * Adding is a PUT and idempotent; a batch is for lists of subscriptions, where one broken entry must not stop the others.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GroveError } from '../core/errors.ts';
import type { Daemon } from '../daemon/daemon.ts';
import { feedNamed } from '../daemon/feeds/reader-urls.ts';
import type { FeedSummary, FeedWish } from '../daemon/feeds/views.ts';
import type { Local } from './local.ts';

type Wish = Partial<FeedWish> & { readonly url: string };

/** Of a batch: a subscription, or why there is none. */
export type Added = { readonly url: string; readonly feed: FeedSummary } | { readonly url: string; readonly error: string };

export async function getBases(_daemon: Daemon, _request: FastifyRequest, _reply: FastifyReply, { readers }: Local): Promise<{ readonly local: string; readonly elsewhere: string | null }> {
  return { local: readers.base(), elsewhere: readers.elsewhere ?? null };
}

/** All of them; or with `limit` a page of them in the order of their ids, and a Link to the next one (RFC 8288). */
export async function getFeeds(_daemon: Daemon, request: FastifyRequest, reply: FastifyReply, { readers }: Local): Promise<readonly FeedSummary[]> {
  const { limit, after = '' } = request.query as { readonly limit?: number; readonly after?: string };
  const all = readers.feeds.list();
  if (limit === undefined) return all;
  const following = all.filter(({ id }) => id > after).sort((a, b) => (a.id < b.id ? -1 : 1));
  const page = following.slice(0, limit);
  if (following.length > limit) reply.header('Link', `<${request.url.split('?')[0]}?limit=${limit}&after=${page.at(-1)?.id}>; rel="next"`);
  return page;
}

export async function putFeed(_daemon: Daemon, request: FastifyRequest, _reply: FastifyReply, { readers }: Local): Promise<unknown> {
  return readers.feeds.add(request.body as Wish);
}

export async function postFeeds(_daemon: Daemon, request: FastifyRequest, _reply: FastifyReply, { readers }: Local): Promise<readonly Added[]> {
  const { feeds } = request.body as { readonly feeds: readonly Wish[] };
  return feeds.map((wish) => {
    try {
      return { url: wish.url, feed: readers.feeds.add(wish) };
    } catch (error) {
      if (error instanceof GroveError) return { url: wish.url, error: error.message };
      throw error;
    }
  });
}

export async function getFeed(_daemon: Daemon, request: FastifyRequest, _reply: FastifyReply, { readers }: Local): Promise<unknown> {
  return readers.feeds.show(named(request));
}

export async function deleteFeed(_daemon: Daemon, request: FastifyRequest, _reply: FastifyReply, { readers }: Local): Promise<unknown> {
  const { id, url } = readers.feeds.show(named(request));
  readers.feeds.remove(id);
  return { id, url, removed: true };
}

export async function postRefresh(_daemon: Daemon, request: FastifyRequest, _reply: FastifyReply, { readers }: Local): Promise<unknown> {
  return readers.feeds.refresh(named(request));
}

export async function getReasons(_daemon: Daemon, request: FastifyRequest, _reply: FastifyReply, { readers }: Local): Promise<unknown> {
  return readers.feeds.why(named(request));
}

function named(request: FastifyRequest): string {
  const target = feedNamed((request.params as { readonly feed: string }).feed, request.socket.localPort);
  return 'id' in target ? target.id : target.url;
}
