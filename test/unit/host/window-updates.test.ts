/** Small messages are not answered one by one, and large streams are not slowed down by that. */
import assert from 'node:assert/strict';
import diagnostics from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { after, test } from 'node:test';
import type { ToyHost } from './toy.ts';
import { send, startToy, text } from './toy.ts';

const sockets = new Set<Socket>();
for (const name of ['net.client.socket', 'net.server.socket']) diagnostics.subscribe(name, (message) => sockets.add((message as { socket: Socket }).socket));
const started: ToyHost[] = [];
after(async () => Promise.all(started.map(async ({ host }) => host.stop())));

function bytesWritten(): number {
  let total = 0;
  for (const socket of sockets) total += socket.bytesWritten;
  return total;
}

test('a message of a few bytes costs its frame once, and no answer from the multiplexer', async () => {
  const [a, b] = [await startToy(), await startToy()];
  started.push(a, b);
  const said = async (word: string): Promise<void> => {
    send(a, b.host.contact, word);
    await b.protocol.until(() => b.protocol.all('message').some(({ message }) => text(message) === word), word);
  };
  await said('first');
  await said('second');
  const before = bytesWritten();
  const MESSAGES = 50;
  for (let i = 0; i < MESSAGES; i++) await said(`${i}`);
  const each = (bytesWritten() - before) / MESSAGES;
  // Length, kind and text, 12 of the multiplexer, 18 of the encryption: an update of the window would be another 30.
  assert.ok(each < 50, `${each} bytes a message`);
});
