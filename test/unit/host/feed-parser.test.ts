/** The parser's thread in trouble: whatever one document does to it, the others are parsed, and nobody waits for ever. Timers only move when a test says so. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { FeedParser, WAITING_BYTES_MAX, WAITING_MAX } from '../../../src/host/feed-parser/parser.ts';
import type { Parsed } from '../../../src/host/feed-parser/parser.ts';

const LIMIT_MS = 1_000;
const END = { timeout: 20_000 };
/** In the place of the parser's thread: does what a document says, and else answers with its text as the title and the thread that it was. */
const ODD = new URL(`data:text/javascript,${encodeURIComponent(`
  import { parentPort, threadId } from 'node:worker_threads';
  parentPort.on('message', ({ number, body }) => {
    const text = new TextDecoder().decode(body);
    if (text === 'hang') for (;;);
    if (text === 'exit') process.exit(1);
    if (text === 'explode') throw new Error('boom');
    parentPort.postMessage(text === 'bad' ? { number, reason: 'it is bad' } : { number, document: { title: text, thread: threadId } });
  });
`)}`);

class Parser implements AsyncDisposable {
  readonly inner: FeedParser;

  constructor({ mock }: TestContext) {
    mock.timers.enable({ apis: ['setTimeout'] });
    this.inner = new FeedParser(LIMIT_MS, ODD);
  }

  async parse(text: string): Promise<string> {
    return wordOf(await this.inner.parse(new TextEncoder().encode(text), undefined));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.inner.close();
  }
}

function wordOf(parsed: Parsed): string {
  return 'document' in parsed ? (parsed.document as unknown as { readonly title: string }).title : parsed.reason;
}

test('a document that does not end is given up by the timer, and those behind it are parsed', END, async (t) => {
  await using parser = new Parser(t);
  assert.equal(await parser.parse('before'), 'before');
  const all = ['hang', 'a', 'b'].map(async (text) => parser.parse(text));
  t.mock.timers.tick(LIMIT_MS);
  assert.deepEqual(await Promise.all(all), ['it takes longer than 1 s to parse', 'a', 'b']);
});

test('a document that ends the thread is tried once more and then given up with a reason; others are not touched', END, async (t) => {
  await using parser = new Parser(t);
  const all = ['a', 'exit', 'b', 'explode', 'bad', 'c'].map(async (text) => parser.parse(text));
  assert.deepEqual(await Promise.all(all), ['a', 'the parser ended', 'b', 'the parser broke down: boom', 'it is bad', 'c']);
});

test('the thread ends after a rest, and the next document starts another', END, async (t) => {
  await using parser = new Parser(t);
  const threadOf = async (text: string): Promise<unknown> => {
    const parsed = await parser.inner.parse(new TextEncoder().encode(text), undefined);
    return 'document' in parsed ? (parsed.document as unknown as { readonly thread: number }).thread : parsed.reason;
  };
  const first = await threadOf('a');
  assert.equal(await threadOf('b'), first);
  t.mock.timers.tick(30_000);
  assert.notEqual(await threadOf('c'), first);
});

test('closing answers all who wait and whoever is being parsed, and nothing is taken after it', END, async (t) => {
  const parser = new Parser(t);
  const all = ['hang', 'a', 'b'].map(async (text) => parser.parse(text));
  await parser.inner.close();
  assert.deepEqual([...(await Promise.all(all)), await parser.parse('late')], ['the peer is stopping', 'the peer is stopping', 'the peer is stopping', 'the peer is stopping']);
  await parser.inner.close();
});

test('so many documents wait, and so many bytes, and more are refused at once; a large one alone is taken', END, async (t) => {
  const parser = new Parser(t);
  void parser.parse('hang');
  const large = new Uint8Array(WAITING_BYTES_MAX);
  const waiting = [parser.inner.parse(large, undefined)];
  assert.equal(await parser.parse('too much'), 'too many documents are waiting to be parsed');
  await parser.inner.close();
  assert.equal(wordOf((await Promise.all(waiting))[0] as Parsed), 'the peer is stopping');
  t.mock.timers.reset();
  await using many = new Parser(t);
  void many.parse('hang');
  const all = Array.from({ length: WAITING_MAX }, async (_, i) => many.parse(`${i}`));
  assert.equal(await many.parse('one more'), 'too many documents are waiting to be parsed');
  t.mock.timers.tick(LIMIT_MS);
  assert.deepEqual(await Promise.all(all), Array.from({ length: WAITING_MAX }, (_, i) => `${i}`));
});

test('users of the shared parser give it back, and the last one ends it', END, async () => {
  const first = FeedParser.share();
  assert.equal(FeedParser.share(), first);
  await FeedParser.giveBack();
  assert.equal(FeedParser.share(), first);
  await FeedParser.giveBack();
  await FeedParser.giveBack();
  const body = new Uint8Array(1);
  assert.deepEqual(await first.parse(body, undefined), { reason: 'the peer is stopping' });
  const next = FeedParser.share();
  assert.notEqual(next, first);
  await FeedParser.giveBack();
});
