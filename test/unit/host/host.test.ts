/** Two and three real hosts on loopback: messages, links, unreachable peers, strangers, and an end that is an end. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import type { Contact } from '../../../src/core/contact.ts';
import { GroveError } from '../../../src/core/errors.ts';
import { positionOfPeer } from '../../../src/host/identity.ts';
import type { ToyHost, ToyOptions } from './toy.ts';
import { bytesOf, send, startToy, text } from './toy.ts';

const started: ToyHost[] = [];
after(async () => Promise.all(started.map(async ({ host }) => host.stop())));

async function start(options: ToyOptions = {}): Promise<ToyHost> {
  const toy = await startToy(options);
  started.push(toy);
  return toy;
}

function addressOf(toy: ToyHost): string {
  const [address] = toy.host.multiaddrs();
  assert.ok(address !== undefined);
  return address;
}

function textsAt(toy: ToyHost): string[] {
  return toy.protocol.all('message').map(({ message }) => text(message));
}

async function untilText(toy: ToyHost, wanted: string): Promise<void> {
  await toy.protocol.until(() => textsAt(toy).includes(wanted), `the message ${wanted}`);
}

async function refusal(promise: Promise<unknown>): Promise<GroveError> {
  const error: unknown = await promise.then(() => undefined, (reason: unknown) => reason);
  assert.ok(error instanceof GroveError, `a GroveError, not ${String(error)}`);
  return error;
}

test('a contact is where its PeerId puts it, and dial tells the other\'s contact and settings', async () => {
  const a = await start({ name: 'a' });
  const b = await start({ name: 'b', settings: bytesOf('k=8'), incarnation: 42 });
  assert.equal(a.host.contact.position.hex, positionOfPeer(a.host.peerId)?.hex);
  const { contact, settings } = await a.host.dial(addressOf(b));
  assert.deepEqual(contact, b.host.contact);
  assert.equal(contact.incarnation, 42);
  assert.equal(text(settings), 'k=8');
});

test('a first send dials, and the other side answers over the same connection', async () => {
  const a = await start({ name: 'a' });
  const b = await start({ name: 'b' });
  send(a, b.host.contact, 'there');
  await untilText(b, 'there');
  const from = b.protocol.all('message')[0]?.from;
  assert.deepEqual(from, a.host.contact);
  send(b, { ...a.host.contact, addresses: [] }, 'and back'); // over a's connection: no address is needed
  await untilText(a, 'and back');
  assert.equal(b.host.counters.dials, 0);
});

test('what is sent to oneself arrives, but never during send', async () => {
  const a = await start();
  a.host.input(() => {
    a.host.env.send(a.host.contact, bytesOf('me'));
    assert.equal(a.protocol.all('message').length, 0);
  });
  await untilText(a, 'me');
});

test('messages of one turn leave in one write and arrive in order', async () => {
  const a = await start();
  const b = await start();
  await a.host.dial(addressOf(b));
  const texts = Array.from({ length: 100 }, (_, i) => `message ${i}`);
  a.host.input(() => {
    for (const one of texts) a.host.env.send(b.host.contact, bytesOf(one));
  });
  await untilText(b, 'message 99');
  assert.deepEqual(textsAt(b), texts);
  assert.equal(a.host.counters.writes, 1);
});

test('a message of a megabyte arrives, one over the maximum is counted and not sent', async () => {
  const a = await start();
  const b = await start();
  a.host.input(() => a.host.env.send(b.host.contact, new Uint8Array(1_200_000).fill(1)));
  await b.protocol.until(() => b.protocol.all('message').length === 1, 'the large message');
  assert.equal(b.protocol.all('message')[0]?.message.length, 1_200_000);
  a.host.input(() => a.host.env.send(b.host.contact, new Uint8Array(1_400_000)));
  assert.equal(a.host.counters.framesDroppedSize, 1);
});

test('a new incarnation reaches the neighbours with the next message', async () => {
  const a = await start({ incarnation: 1 });
  const b = await start();
  send(a, b.host.contact, 'one');
  await untilText(b, 'one');
  a.host.setIncarnation(9);
  send(a, b.host.contact, 'two');
  await untilText(b, 'two');
  assert.deepEqual(b.protocol.all('message').map(({ from }) => from.incarnation), [1, 9]);
});

test('rubbish is dropped, counted and told, and too much of it closes the connection', async () => {
  const a = await start();
  const b = await start({ limits: { wireErrorsMax: 3 } });
  const rubbish = new Uint8Array(10).fill(255);
  a.host.input(() => a.host.env.send(b.host.contact, rubbish));
  send(a, b.host.contact, 'good');
  await untilText(b, 'good');
  assert.equal(b.host.counters.wireErrors, 1);
  await b.protocol.untilFact('wire-error');
  a.host.input(() => {
    a.host.env.send(b.host.contact, rubbish);
    a.host.env.send(b.host.contact, rubbish);
  });
  await a.protocol.untilFact('connection-closed');
});

test('nobody at an address: one clear error, one hint, and no second dial at once', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const a = await start();
  const nobody: Contact = { ...(await start()).host.contact, peerId: 'x', addresses: [`/ip4/127.0.0.1/tcp/${port}`] };
  const absent: Contact = { ...nobody, peerId: '12D3KooWNvf6q3GVd6q4hpMhsBaXh9zKoQfarfEvH1Lp5eZFonK6' };
  assert.equal((await refusal(a.host.dial(`/ip4/127.0.0.1/tcp/${port}`))).code, 'unreachable');
  send(a, absent, 'anybody?');
  await a.protocol.until(() => a.protocol.all('unreachable').length === 1, 'the hint');
  assert.equal(a.protocol.all('unreachable')[0]?.peer.peerId, absent.peerId);
  const { dials } = a.host.counters;
  send(a, absent, 'still nobody?');
  assert.equal(a.host.counters.framesDroppedUnreachable, 2);
  assert.equal(a.host.counters.dials, dials);
});

test('a peer that stops is hinted at', async () => {
  const a = await start();
  const b = await start();
  send(a, b.host.contact, 'hello');
  await untilText(b, 'hello');
  await b.host.stop();
  await a.protocol.until(() => a.protocol.all('unreachable').length > 0, 'the hint');
});

test('what nobody uses any more is given back without a hint, and made again when it is needed', async () => {
  const limits = { linkIdleMs: 200, sweepMs: 50 };
  const a = await start({ limits });
  const b = await start({ limits });
  send(a, b.host.contact, 'once');
  await untilText(b, 'once');
  // The trial connection of reachability closes too: wait until none is left.
  await a.protocol.until(() => a.host.status().connections === 0, 'the idle connection to close');
  assert.equal(a.host.status().links, 0);
  await b.protocol.until(() => b.host.status().connections === 0, 'its other end');
  assert.deepEqual([a, b].flatMap(({ protocol }) => protocol.all('unreachable')), []);
  send(b, a.host.contact, 'again');
  await untilText(a, 'again');
});

test('another pool is refused with a sentence, and nothing it sends arrives', async () => {
  const a = await start();
  const stranger = await start({ poolKey: new Uint8Array(32).fill(9) });
  const error = await refusal(stranger.host.dial(addressOf(a)));
  assert.equal(error.code, 'refused');
  assert.match(error.message, /another pool/);
  const fact = await a.protocol.untilFact('peer-refused');
  assert.ok('peerId' in fact && fact.peerId === stranger.host.peerId);
  send(stranger, a.host.contact, 'let me in');
  await stranger.protocol.until(() => stranger.protocol.all('unreachable').length > 0, 'the hint');
  assert.equal(a.protocol.all('message').length, 0);
  assert.equal(a.host.status().connections, 0);
});

test('a machine that accepts and says nothing costs a deadline, not a hang', async () => {
  const server = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const a = await start({ limits: { dialMs: 200, handshakeMs: 200 } });
  assert.equal((await refusal(a.host.dial(`/ip4/127.0.0.1/tcp/${port}`))).code, 'unreachable');
  server.close();
});

test('an exception in an input stops the host and rejects closed', async () => {
  const a = await start();
  const failed = a.host.closed.then(() => undefined, (error: unknown) => error);
  a.protocol.react = (input) => {
    if (input.kind === 'message') throw new Error('a bug');
  };
  a.host.input(() => a.host.env.send(a.host.contact, bytesOf('boom')));
  assert.match(String(await failed), /a bug/);
  await a.protocol.untilFact('host-failed');
});

test('a port in use is said so', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  assert.equal((await refusal(start({ listen: [`/ip4/127.0.0.1/tcp/${port}`] }))).code, 'in-use');
  server.close();
});

test('after stop nothing keeps the process alive', async () => {
  const toy = new URL('./toy.ts', import.meta.url).href;
  const source = `
    const { startToy, send } = await import(${JSON.stringify(toy)});
    const a = await startToy(); const b = await startToy();
    send(a, b.host.contact, 'hello');
    await b.protocol.until(() => b.protocol.all('message').length === 1, 'the message');
    a.host.env.arm(1, a.host.env.now() + 1e6);
    a.host.env.streams.open(b.host.contact, 1);
    await a.host.stop(); await b.host.stop();
    send(a, b.host.contact, 'after the end');
    console.log('stopped');
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
  const deadline = setTimeout(() => child.kill('SIGKILL'), 60_000);
  const [code] = (await once(child, 'exit')) as [number | null];
  clearTimeout(deadline);
  assert.equal(code, 0);
});
