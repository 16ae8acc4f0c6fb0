/** A peer that listens nowhere, reached through a member that relays for it; strangers get no relay. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { ToyHost, ToyOptions } from './toy.ts';
import { bytesOf, send, startToy, text } from './toy.ts';

const started: ToyHost[] = [];
after(async () => Promise.all(started.map(async ({ host }) => host.stop())));

async function start(options: ToyOptions = {}): Promise<ToyHost> {
  const toy = await startToy(options);
  started.push(toy);
  return toy;
}

async function dial(from: ToyHost, to: ToyHost): Promise<void> {
  await from.host.dial(to.host.multiaddrs()[0] ?? '');
}

/** A relay, a hidden peer that has a place with it, and a third peer that knows the hidden one only by its contact. */
async function startHidden(): Promise<{ relay: ToyHost; hidden: ToyHost; other: ToyHost }> {
  const relay = await start({ name: 'relay' });
  const hidden = await start({ name: 'hidden', listen: [] });
  const other = await start({ name: 'other' });
  await dial(hidden, relay);
  await hidden.protocol.until(() => hidden.host.contact.addresses.length > 0, 'a relayed address');
  return { relay, hidden, other };
}

test('a hidden peer is reached and reaches, and what it says of itself is true', async () => {
  const { relay, hidden, other } = await startHidden();
  const [address] = hidden.host.contact.addresses;
  assert.ok(address?.includes(`/p2p/${relay.host.peerId}/p2p-circuit`));
  assert.equal(hidden.host.status().relays, 1);
  send(other, hidden.host.contact, 'in');
  await hidden.protocol.until(() => hidden.protocol.all('message').length === 1, 'the message to the hidden peer');
  assert.equal(hidden.protocol.all('message')[0]?.from.peerId, other.host.peerId);
  send(hidden, other.host.contact, 'out');
  await other.protocol.until(() => other.protocol.all('message').length === 1, 'the answer');
  assert.deepEqual(other.protocol.all('message')[0]?.from.addresses, hidden.host.contact.addresses);
});

test('a relayed stream carries more than libp2p\'s default limit', async () => {
  const { hidden, other } = await startHidden();
  other.host.input(() => {
    const stream = other.host.env.streams.open(hidden.host.contact, 1);
    other.host.env.streams.write(stream, new Uint8Array(2_000_000));
    other.host.env.streams.end(stream);
  });
  await hidden.protocol.until(() => hidden.protocol.all('closed').length === 1, 'the end of the stream');
  assert.equal(hidden.protocol.all('closed')[0]?.how, 'ended');
  assert.equal(hidden.protocol.all('data').reduce((sum, { bytes }) => sum + bytes.length, 0), 2_000_000);
});

test('when its relay goes away a hidden peer finds another', async () => {
  const { relay, hidden } = await startHidden();
  const second = await start({ name: 'second relay' });
  await relay.host.stop();
  await hidden.protocol.until(() => hidden.host.status().relays === 0, 'the loss of the relay');
  await dial(hidden, second);
  await hidden.protocol.until(
    () => hidden.host.contact.addresses.some((address) => address.includes(second.host.peerId)),
    'an address through the second relay',
  );
});

test('two hidden peers meet through a relay', async () => {
  const { relay, hidden } = await startHidden();
  const second = await start({ name: 'also hidden', listen: [] });
  await dial(second, relay);
  send(second, hidden.host.contact, 'from one to the other');
  await hidden.protocol.until(() => hidden.protocol.all('message').length === 1, 'the message');
  assert.equal(text(hidden.protocol.all('message')[0]?.message ?? bytesOf('')), 'from one to the other');
});

test('a peer that claims an address where it cannot be dialled finds out and gets a relay', async () => {
  const relay = await start({ name: 'relay' });
  const fooled = await start({ name: 'behind a router', announce: ['/ip4/127.0.0.1/tcp/9'], limits: { dialMs: 2_000 } });
  await dial(fooled, relay);
  await fooled.protocol.untilFact('relay-reserved');
  assert.equal(fooled.host.status().relays, 1);
  assert.deepEqual(fooled.host.contact.addresses.map((address) => address.includes('/p2p-circuit')), [false, true]);
});

test('a peer that can be dialled wants no relay, and the trial leaves no connection behind', async () => {
  const a = await start({ name: 'a' });
  const b = await start({ name: 'b' });
  await dial(a, b);
  for (let i = 0; i < 10; i++) {
    send(a, b.host.contact, 'during the trial and after it');
    await b.protocol.until(() => b.protocol.all('message').length > i, 'the message');
  }
  assert.deepEqual([a.host.status().connections, a.host.status().relays], [1, 0]);
  assert.equal(b.protocol.all('unreachable').length, 0);
  assert.equal(a.protocol.all('unreachable').length, 0);
});
