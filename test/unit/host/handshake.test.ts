/** The membership handshake over channels in memory: who gets in, who does not, and what leaves before it is clear. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import type { Contact } from '../../../src/core/contact.ts';
import { positionFromLead } from '../../../src/core/position.ts';
import type { HelloChannel, Introduction, Membership, Remote } from '../../../src/host/handshake.ts';
import { decodeCard, encodeCard, greetAsAcceptor, greetAsOpener } from '../../../src/host/handshake.ts';
import { identityOf, multihashOf, newPrivateKey } from '../../../src/host/identity.ts';
import type { PoolKeys } from '../../../src/host/membership.ts';
import { HandshakeRefused, isProof, poolKeysOf, proofOf } from '../../../src/host/membership.ts';
import {
  ChallengeSchema,
  GreetingSchema,
  HelloSchema,
  IntroductionSchema,
} from '../../../src/protocol/wire/gen/grove/v1/handshake_pb.ts';
import { bytesOf } from './toy.ts';

const KEYS = poolKeysOf(new Uint8Array(32).fill(1));
const OTHER_KEYS = poolKeysOf(new Uint8Array(32).fill(2));

/** One end of a pair; `said` is everything this end wrote. */
class Channel implements HelloChannel {
  readonly said: Uint8Array[] = [];
  #waiting: { resolve(bytes: Uint8Array): void; reject(error: Error): void }[] = [];
  #unread: Uint8Array[] = [];
  #ended = false;
  other: Channel | undefined;

  async read(): Promise<Uint8Array> {
    const next = this.#unread.shift();
    if (next !== undefined) return next;
    if (this.#ended) throw new Error('ended');
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  write(bytes: Uint8Array): void {
    this.said.push(bytes);
    this.other?.receive(bytes);
  }

  receive(bytes: Uint8Array): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#unread.push(bytes);
    else waiting.resolve(bytes);
  }

  end(): void {
    this.#ended = true;
    for (const { reject } of this.#waiting.splice(0)) reject(new Error('ended'));
  }
}

interface Peer {
  readonly membership: Membership;
  readonly remote: Remote;
  readonly contact: Contact;
}

function newPeer(name: string, keys: PoolKeys = KEYS, change: Partial<Contact> = {}): Peer {
  const { peerId, position } = identityOf(newPrivateKey());
  const multihash = multihashOf(peerId) ?? new Uint8Array();
  const contact: Contact = { peerId, position, addresses: ['/ip4/192.0.2.1/tcp/1'], name, incarnation: 5, ...change };
  const introduce = (): Introduction => ({ contact, settings: bytesOf(`settings of ${name}`) });
  return { membership: { keys, multihash, introduce }, remote: { peerId, multihash, position }, contact };
}

function newPair(): [Channel, Channel] {
  const pair: [Channel, Channel] = [new Channel(), new Channel()];
  pair[0].other = pair[1];
  pair[1].other = pair[0];
  return pair;
}

async function meet(opener: Peer, acceptor: Peer): Promise<{ results: PromiseSettledResult<Introduction>[]; channels: [Channel, Channel] }> {
  const channels = newPair();
  const ending = (promise: Promise<Introduction>, channel: Channel): Promise<Introduction> => promise.finally(() => channel.end());
  const results = await Promise.allSettled([
    ending(greetAsOpener(channels[0], opener.membership, acceptor.remote), channels[1]),
    ending(greetAsAcceptor(channels[1], acceptor.membership, opener.remote), channels[0]),
  ]);
  return { results, channels };
}

function whyOf(result: PromiseSettledResult<Introduction> | undefined): string {
  if (result?.status !== 'rejected') return 'let in';
  return result.reason instanceof HandshakeRefused ? result.reason.why : String(result.reason);
}

test('two members introduce each other, settings included', async () => {
  const a = newPeer('a');
  const b = newPeer('b');
  const { results } = await meet(a, b);
  assert.deepEqual(results[0], { status: 'fulfilled', value: { contact: b.contact, settings: bytesOf('settings of b') } });
  assert.deepEqual(results[1], { status: 'fulfilled', value: { contact: a.contact, settings: bytesOf('settings of a') } });
});

test('another pool is refused on both sides, and neither learns the other\'s name or address', async () => {
  const { results, channels } = await meet(newPeer('secret-a'), newPeer('secret-b', OTHER_KEYS));
  assert.deepEqual(results.map(whyOf), ['other-pool', 'other-pool']);
  const said = Buffer.concat(channels.flatMap((channel) => channel.said)).toString('latin1');
  assert.doesNotMatch(said, /secret|192\.0\.2/);
});

test('who knows the pool\'s id but not its key is refused, whichever side it is on', async () => {
  const impostorKeys: PoolKeys = { ...OTHER_KEYS, poolId: KEYS.poolId };
  const asAcceptor = await meet(newPeer('a'), newPeer('secret', impostorKeys));
  assert.equal(whyOf(asAcceptor.results[0]), 'wrong-proof');
  // An opener that does not even check the acceptor's proof, and sends a wrong one of its own.
  const member = newPeer('secret-member');
  const [mine, theirs] = newPair();
  const accepting = greetAsAcceptor(theirs, member.membership, newPeer('impostor').remote).catch((error: unknown) => error);
  mine.write(toBinary(HelloSchema, create(HelloSchema, { version: 1, nonce: new Uint8Array(32), poolId: KEYS.poolId })));
  await mine.read();
  mine.write(toBinary(IntroductionSchema, create(IntroductionSchema, { proof: new Uint8Array(32) })));
  const refused = await accepting;
  assert.ok(refused instanceof HandshakeRefused);
  assert.equal(refused.why, 'wrong-proof');
  assert.doesNotMatch(Buffer.concat(theirs.said).toString('latin1'), /secret|192\.0\.2/);
});

test('a proof that is sent back to its maker proves nothing', async () => {
  const member = newPeer('member');
  const mirror = newPeer('mirror');
  const [mine, theirs] = newPair();
  const accepting = greetAsAcceptor(theirs, member.membership, mirror.remote).catch((error: unknown) => error);
  mine.write(toBinary(HelloSchema, create(HelloSchema, { version: 1, nonce: new Uint8Array(32), poolId: KEYS.poolId })));
  const greeting = fromBinary(GreetingSchema, await mine.read());
  const proof = greeting.answer.case === 'challenge' ? greeting.answer.value.proof : new Uint8Array();
  mine.write(toBinary(IntroductionSchema, create(IntroductionSchema, { proof })));
  assert.equal((await accepting as HandshakeRefused).why, 'wrong-proof');
});

test('an acceptor that sends our own hello back is refused', async () => {
  const member = newPeer('member');
  const [mine, theirs] = newPair();
  const opening = greetAsOpener(mine, member.membership, newPeer('mirror').remote).catch((error: unknown) => error);
  const hello = await theirs.read();
  const challenge = create(ChallengeSchema, { hello, proof: new Uint8Array(32) });
  theirs.write(toBinary(GreetingSchema, create(GreetingSchema, { answer: { case: 'challenge', value: challenge } })));
  assert.equal((await opening as HandshakeRefused).why, 'wrong-proof');
});

test('a recorded handshake opens no second connection', async () => {
  const a = newPeer('a');
  const b = newPeer('b');
  const { channels } = await meet(a, b);
  const [mine, theirs] = newPair();
  const accepting = greetAsAcceptor(theirs, b.membership, a.remote).catch((error: unknown) => error);
  for (const recorded of channels[0].said) mine.write(recorded);
  assert.equal((await accepting as HandshakeRefused).why, 'wrong-proof');
});

test('a proof is bound to role, key, both PeerIds and both hellos', () => {
  const transcript = {
    openerMultihash: bytesOf('a'),
    acceptorMultihash: bytesOf('b'),
    openerHello: bytesOf('c'),
    acceptorHello: bytesOf('d'),
  };
  const proof = proofOf(KEYS, 'opener', transcript);
  assert.ok(isProof(proof, KEYS, 'opener', transcript));
  assert.ok(!isProof(proof, KEYS, 'acceptor', transcript));
  assert.ok(!isProof(proof, OTHER_KEYS, 'opener', transcript));
  assert.ok(!isProof(proof.subarray(1), KEYS, 'opener', transcript));
  for (const part of ['openerMultihash', 'acceptorMultihash', 'openerHello', 'acceptorHello'] as const) {
    assert.ok(!isProof(proof, KEYS, 'opener', { ...transcript, [part]: bytesOf('x') }), part);
  }
  const shifted = { ...transcript, openerHello: bytesOf('cd'), acceptorHello: bytesOf('') };
  assert.ok(!isProof(proof, KEYS, 'opener', shifted));
});

test('a position that is not the hash of the PeerId, too many addresses and a long name are false cards', async () => {
  const lies: Partial<Contact>[] = [
    { position: positionFromLead(17) },
    { addresses: new Array<string>(9).fill('/ip4/192.0.2.1/tcp/1') },
    { addresses: [`/dns4/${'x'.repeat(300)}/tcp/1`] },
    { addresses: ['no multiaddress'] },
    { name: 'x'.repeat(65) },
  ];
  for (const lie of lies) {
    assert.deepEqual((await meet(newPeer('liar', KEYS, lie), newPeer('b'))).results.map(whyOf), ['false-card', 'false-card']);
    assert.equal(whyOf((await meet(newPeer('a'), newPeer('liar', KEYS, lie))).results[0]), 'false-card');
  }
});

test('another version is told so', async () => {
  const [mine, theirs] = newPair();
  const accepting = greetAsAcceptor(theirs, newPeer('b').membership, newPeer('a').remote).catch((error: unknown) => error);
  mine.write(toBinary(HelloSchema, create(HelloSchema, { version: 2, nonce: new Uint8Array(32), poolId: KEYS.poolId })));
  assert.equal((await accepting as HandshakeRefused).why, 'other-version');
  const greeting = fromBinary(GreetingSchema, await mine.read());
  assert.equal(greeting.answer.case, 'refusal');
});

test('rubbish at any step is refused as malformed or wrong, and nothing else is thrown', async () => {
  const rubbish = fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 2, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(rubbish, fc.boolean(), async (frames, asOpener) => {
      const [mine, theirs] = newPair();
      const greet = asOpener ? greetAsOpener : greetAsAcceptor;
      const greeting = greet(theirs, newPeer('b').membership, newPeer('a').remote).catch((error: unknown) => error);
      for (const frame of frames) mine.write(frame);
      theirs.end();
      const error = await greeting;
      assert.ok(error instanceof HandshakeRefused || (error instanceof Error && error.message === 'ended'), String(error));
    }),
    { numRuns: 100 },
  );
});

test('a single changed byte anywhere in a handshake lets nobody in with a changed card', async () => {
  const a = newPeer('a');
  const b = newPeer('b');
  await fc.assert(
    fc.asyncProperty(fc.nat(3), fc.nat(), fc.integer({ min: 1, max: 255 }), async (step, at, flip) => {
      const channels = newPair();
      let count = 0;
      for (const channel of channels) {
        const write = channel.write.bind(channel);
        channel.write = (bytes) => {
          const changed = bytes.slice();
          if (count++ === step && changed.length > 0) changed[at % changed.length]! ^= flip;
          write(changed);
        };
      }
      const [opened, accepted] = await Promise.allSettled([
        greetAsOpener(channels[0], a.membership, b.remote).finally(() => channels[1].end()),
        greetAsAcceptor(channels[1], b.membership, a.remote).finally(() => channels[0].end()),
      ]);
      // Wrappers and cards are not covered by a proof: only the encryption under them can notice a change there.
      if (step === 0) assert.ok(opened.status === 'rejected' || accepted.status === 'rejected');
      for (const result of [opened, accepted]) {
        if (result.status === 'rejected') continue;
        const expected = result === opened ? b : a;
        assert.equal(result.value.contact.peerId, expected.contact.peerId);
        assert.equal(result.value.contact.position.hex, expected.contact.position.hex);
      }
    }),
    { numRuns: 100 },
  );
});

test('a card on its own is encoded and checked like one in a handshake', () => {
  const a = newPeer('a');
  const card = encodeCard(a.membership.introduce());
  assert.deepEqual(decodeCard(card, a.remote).contact, a.contact);
  assert.throws(() => decodeCard(card, newPeer('b').remote), HandshakeRefused);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        decodeCard(bytes, a.remote);
      } catch (error) {
        assert.ok(error instanceof HandshakeRefused, String(error));
      }
    }),
  );
});
