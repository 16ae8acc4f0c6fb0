/** Server-sent events over HTTP: numbered, resumed where a client left off, and what is lost is said. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { serveApi } from '../../../src/api/server.ts';
import type { Daemon } from '../../../src/daemon/daemon.ts';
import { startDaemon } from '../../../src/daemon/daemon.ts';

let daemon: Daemon;

before(async () => {
  daemon = await startDaemon({ directory: undefined, listen: ['/ip4/127.0.0.1/tcp/0'], name: 'tested', serve: async (one) => serveApi(one, { host: '127.0.0.1', port: 0 }) });
});
after(async () => daemon.stop());

interface Told {
  readonly id: number;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** The first `count` events of a stream. */
async function events(count: number, query: string, headers: Record<string, string> = {}): Promise<Told[]> {
  const enough = new AbortController();
  const response = await fetch(`${daemon.apiUrl}/api/v1/events${query}`, { headers: { authorization: `Bearer ${daemon.state.token}`, ...headers }, signal: enough.signal });
  assert.equal(response.headers.get('content-type'), 'text/event-stream');
  const told: Told[] = [];
  let text = '';
  for await (const part of response.body ?? []) {
    text += Buffer.from(part).toString('utf8');
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const [, id, event, data] = /^id: (\d+)\nevent: (.+)\ndata: (.+)$/.exec(block) ?? [];
      if (data !== undefined) told.push({ id: Number(id), event: event ?? '', data: JSON.parse(data) as Record<string, unknown> });
    }
    if (told.length >= count) break;
  }
  enough.abort();
  return told.slice(0, count);
}

test('events have ids, and Last-Event-ID resumes after the one that was seen last', async () => {
  const [first, second] = await events(2, '?since=0');
  assert.deepEqual([first?.id, second?.id], [1, 2]);
  const [resumed] = await events(1, '', { 'last-event-id': '1' });
  assert.deepEqual(resumed, second);
  assert.equal(resumed?.data['event'], resumed?.event);
});

test('a client that names an event of an earlier start is told of the gap, and gets all that is kept', async () => {
  const [gap, first] = await events(2, '', { 'last-event-id': '999999' });
  assert.deepEqual([gap?.event, gap?.id, first?.id], ['gap', 0, 1]);
});
