/**
 * What somebody without the pool key can get out of a host: a bare libp2p node that connects and then misbehaves.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import type { Connection, Stream } from '@libp2p/interface';
import { encodeFrame } from '../../../src/host/frames.ts';
import { newPrivateKey } from '../../../src/host/identity.ts';
import type { Node } from '../../../src/host/libp2p.ts';
import { startNode } from '../../../src/host/libp2p.ts';
import type { ToyHost, ToyOptions } from './toy.ts';
import { bytesOf, startToy } from './toy.ts';

const stops: (() => Promise<void>)[] = [];
after(async () => Promise.all(stops.map(async (stop) => stop())));

async function start(options: ToyOptions = {}): Promise<ToyHost> {
  const toy = await startToy(options);
  stops.push(() => toy.host.stop());
  return toy;
}

/** A libp2p node that knows nothing of Grove. */
async function startStranger(): Promise<Node> {
  const node = await startNode({
    privateKey: newPrivateKey(),
    listen: ['/ip4/127.0.0.1/tcp/0'],
    announce: [],
    connectionsMax: 100,
    dialsMax: 10,
    streamsPerPeerMax: 100,
    relayServer: false,
    relayReservationsMax: 0,
    mdnsName: undefined,
    upnp: false,
    onConnection: () => undefined,
    onConnectionClosed: () => undefined,
    onDiscovered: () => undefined,
    onAddressesChanged: () => undefined,
    isProven: () => true,
    whenProven: async () => undefined,
    protocols: [],
  });
  stops.push(() => node.stop());
  return node;
}

function soon(): AbortSignal {
  return AbortSignal.timeout(20_000);
}

async function connect(stranger: Node, victim: ToyHost): Promise<Connection> {
  return stranger.dial(victim.host.multiaddrs(), undefined, soon());
}

async function open(stranger: Node, connection: Connection, protocol: string): Promise<Stream> {
  return stranger.openStream(connection, protocol, soon());
}

test('who says nothing is closed at the deadline, and told of', async () => {
  const victim = await start({ limits: { handshakeMs: 300 } });
  const stranger = await startStranger();
  const connection = await connect(stranger, victim);
  if (connection.status === 'open') await once(connection as unknown as EventTarget & NodeJS.EventEmitter, 'close');
  const fact = await victim.protocol.untilFact('peer-refused');
  assert.ok('peerId' in fact && fact.peerId === stranger.peerId);
  assert.equal(victim.host.counters.handshakesFailed, 1);
});

test('messages and streams sent without a proof are not read', async () => {
  const victim = await start({ limits: { handshakeMs: 500 } });
  const stranger = await startStranger();
  const connection = await connect(stranger, victim);
  const control = await open(stranger, connection, '/grove/1/control');
  control.send(encodeFrame(0, bytesOf('unproven')));
  const data = await open(stranger, connection, '/grove/1/data');
  data.send(new Uint8Array(100));
  await victim.protocol.untilFact('peer-refused');
  assert.equal(victim.host.counters.bytesReceived, 0);
  assert.equal(victim.host.counters.streamsAccepted, 0);
  assert.deepEqual(victim.protocol.inputs.filter(({ kind }) => kind !== 'fact'), []);
});

test('identify tells a stranger nothing', async () => {
  const victim = await start({ limits: { handshakeMs: 500 } });
  const stranger = await startStranger();
  const connection = await connect(stranger, victim);
  await assert.rejects(stranger.identify(connection, soon()));
});

test('a stranger gets no relay reservation', async () => {
  const victim = await start({ limits: { handshakeMs: 500 } });
  const stranger = await startStranger();
  const connection = await connect(stranger, victim);
  await assert.rejects(stranger.reserveRelay(connection));
});

test('rubbish in the handshake closes the connection', async () => {
  const victim = await start({ limits: { handshakeMs: 500 } });
  const stranger = await startStranger();
  for (const rubbish of [bytesOf('GET / HTTP/1.1\r\n\r\n'), new Uint8Array(100_000).fill(1), encodeFrame(0, new Uint8Array(50).fill(9))]) {
    const before = victim.host.counters.handshakesFailed;
    const connection = await connect(stranger, victim);
    const hello = await open(stranger, connection, '/grove/1/hello');
    hello.send(rubbish);
    await victim.protocol.until(() => victim.host.counters.handshakesFailed > before, 'the refusal');
    if (connection.status === 'open') await once(connection as unknown as EventTarget & NodeJS.EventEmitter, 'close');
  }
});

test('dialling a node that is no member says so', async () => {
  const member = await start();
  const stranger = await startStranger();
  const address = `${stranger.addresses()[0] ?? ''}/p2p/${stranger.peerId}`;
  await assert.rejects(member.host.dial(address), { code: 'refused', message: /not a Grove peer/ });
});
