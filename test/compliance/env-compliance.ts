/**
 * What every implementation of core's Env owes the protocol: one suite, run on the real host and on the simulator.
 *
 * The protocol is written once and measured in the simulator; that is worth something only if both worlds keep the same
 * promises. Each test is told how to make a world of two peers and how to let time pass in it until something holds.
 */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { Contact } from '../../src/core/contact.ts';
import type { Env, StreamId } from '../../src/core/env.ts';
import type { Input, ToyFact, ToyMessage, ToyProtocol } from '../unit/host/toy.ts';
import { bytesOf, text } from '../unit/host/toy.ts';

export interface CompliancePeer {
  readonly contact: Contact;
  readonly env: Env<ToyMessage, ToyFact>;
  readonly protocol: ToyProtocol;
  /** Runs a call as an input of this peer. */
  input(call: () => void): void;
}

export interface ComplianceWorld {
  readonly a: CompliancePeer;
  readonly b: CompliancePeer;
  /** Lets the world go on until `holds`; fails after a generous while. */
  until(holds: () => boolean, what: string): Promise<void>;
  stop(): Promise<void>;
}

/** Registers the suite. `make` starts a world of two peers that can reach each other. */
export function runEnvCompliance(name: string, make: () => Promise<ComplianceWorld>): void {
  const worlds: ComplianceWorld[] = [];
  afterEach(async () => {
    for (const world of worlds.splice(0)) await world.stop();
  });
  const check = (claim: string, body: (world: ComplianceWorld) => Promise<void>): void => {
    test(`${name}: ${claim}`, async () => {
      const world = await make();
      worlds.push(world);
      await body(world);
    });
  };
  checkMessages(check);
  checkTimers(check);
  checkStore(check);
  checkStreams(check);
}

type Check = (claim: string, body: (world: ComplianceWorld) => Promise<void>) => void;

function checkMessages(check: Check): void {
  check('a message arrives as it was sent, names its sender, and carries an instant that has passed', async ({ a, b, until }) => {
    let nowAtArrival = -Infinity;
    b.protocol.react = (input) => {
      if (input.kind === 'message') nowAtArrival = b.env.now();
    };
    a.input(() => a.env.send(b.contact, bytesOf('hello')));
    await until(() => b.protocol.all('message').length > 0, 'the message');
    const [received] = b.protocol.all('message');
    assert.equal(text(received?.message ?? bytesOf('')), 'hello');
    assert.equal(received?.from.peerId, a.contact.peerId);
    assert.equal(received?.from.position.hex, a.contact.position.hex);
    assert.ok((received?.at ?? Infinity) <= nowAtArrival);
  });

  check('send delivers nothing before it returns, neither to another peer nor to oneself', async ({ a, b, until }) => {
    let sending = false;
    for (const peer of [a, b]) peer.protocol.react = () => assert.ok(!sending, 'delivered during send');
    a.input(() => {
      sending = true;
      a.env.send(a.contact, bytesOf('to myself'));
      a.env.send(b.contact, bytesOf('to b'));
      sending = false;
    });
    await until(() => a.protocol.all('message').length > 0 && b.protocol.all('message').length > 0, 'both messages');
  });

  check('what is sent in answer to a message is answered in turn', async ({ a, b, until }) => {
    const answer = (peer: CompliancePeer) => (input: Input) => {
      if (input.kind === 'message') peer.env.send(input.from, bytesOf(`${text(input.message)}!`));
    };
    a.protocol.react = answer(a);
    b.protocol.react = answer(b);
    a.input(() => a.env.send(b.contact, bytesOf('')));
    await until(() => a.protocol.all('message').length >= 5, 'ten turns');
    assert.equal(text(a.protocol.all('message')[4]?.message ?? bytesOf('')), '!'.repeat(9));
  });

  check('facts are heard at once', async ({ a }) => {
    a.input(() => {
      a.env.emit({ kind: 'toy', text: 'a fact' });
      const [last] = a.protocol.all('fact').slice(-1);
      assert.deepEqual(last?.fact, { kind: 'toy', text: 'a fact' });
    });
  });
}

function checkTimers(check: Check): void {
  check('a timer whose instant has passed fires soon, but not during arm, and once', async ({ a, until }) => {
    let arming = false;
    a.protocol.react = () => assert.ok(!arming, 'fired during arm');
    a.input(() => {
      arming = true;
      a.env.arm(1, a.env.now() + 5);
      a.env.arm(2, a.env.now() - 1_000);
      arming = false;
    });
    await until(() => a.protocol.all('timer').length === 2, 'both timers');
    a.input(() => a.env.arm(3, a.env.now() + 20));
    await until(() => a.protocol.all('timer').length === 3, 'a later timer');
    assert.deepEqual(a.protocol.all('timer').map(({ timer }) => timer), [2, 1, 3]);
  });

  check('timers fire in the order of their deadlines, each at or after its own', async ({ a, until }) => {
    const deadlines = new Map<number, number>();
    a.protocol.react = (input) => {
      if (input.kind === 'timer') assert.ok(a.env.now() >= (deadlines.get(input.timer) ?? Infinity), 'not early');
    };
    a.input(() => {
      for (const [timer, delay] of [[1, 30], [2, 10.5], [3, 20.25], [4, 0]] as const) {
        deadlines.set(timer, a.env.now() + delay);
        a.env.arm(timer, a.env.now() + delay);
      }
    });
    await until(() => a.protocol.all('timer').length === 4, 'all timers');
    assert.deepEqual(a.protocol.all('timer').map(({ timer }) => timer), [4, 2, 3, 1]);
  });

  check('arming again replaces, in both directions, and disarming cancels', async ({ a, until }) => {
    a.input(() => {
      const now = a.env.now();
      a.env.arm(1, now + 1e9);
      a.env.arm(1, now + 10);
      a.env.arm(2, now + 5);
      a.env.arm(2, now + 40);
      a.env.arm(3, now + 20);
      a.env.disarm(3);
      a.env.disarm(99);
      a.env.arm(4, now + 60);
    });
    await until(() => a.protocol.all('timer').some(({ timer }) => timer === 4), 'the last timer');
    assert.deepEqual(a.protocol.all('timer').map(({ timer }) => timer), [1, 2, 4]);
  });

  check('a timer may arm itself again and cancel others that are due', async ({ a, until }) => {
    a.protocol.react = (input) => {
      if (input.kind !== 'timer' || input.timer !== 1) return;
      a.env.disarm(2);
      if (a.protocol.all('timer').length < 4) a.env.arm(1, a.env.now() + 1);
      else a.env.arm(3, a.env.now() + 5);
    };
    a.input(() => {
      a.env.arm(1, a.env.now() + 1);
      a.env.arm(2, a.env.now() + 1.001);
    });
    await until(() => a.protocol.all('timer').some(({ timer }) => timer === 3), 'the end');
    assert.deepEqual(a.protocol.all('timer').map(({ timer }) => timer), [1, 1, 1, 1, 1, 3]);
  });

  check('the clock stands still during an input and never goes back', async ({ a, until }) => {
    const instants: number[] = [];
    a.protocol.react = (input) => {
      if (input.kind !== 'timer') return;
      const now = a.env.now();
      for (let i = 0; i < 200_000; i++) if (a.env.now() !== now) assert.fail('the clock moved');
      instants.push(now);
      if (instants.length < 3) a.env.arm(1, now + 2);
    };
    a.input(() => a.env.arm(1, a.env.now() + 1));
    await until(() => instants.length === 3, 'three timers');
    assert.ok(instants.every((instant, i) => i === 0 || instant >= (instants[i - 1] ?? Infinity) + 2));
  });
}

function checkStore(check: Check): void {
  check('the store keeps its own copy of what was written', async ({ a }) => {
    const bytes = bytesOf('one');
    a.env.store.write('name', bytes);
    bytes[0] = 0;
    assert.equal(text(a.env.store.read('name') ?? bytesOf('')), 'one');
    a.env.store.write('name', bytesOf('two'));
    assert.equal(text(a.env.store.read('name') ?? bytesOf('')), 'two');
    a.env.store.remove('name');
    a.env.store.remove('name');
    assert.equal(a.env.store.read('name'), undefined);
  });

  check('names come by prefix and in order', async ({ a }) => {
    for (const name of ['x/b', 'x/a', 'x/ä', 'y', 'x', 'x/%']) a.env.store.write(name, new Uint8Array());
    assert.deepEqual(a.env.store.names('x/'), ['x/%', 'x/a', 'x/b', 'x/ä']);
    assert.deepEqual(a.env.store.names('z'), []);
  });
}

function received(peer: CompliancePeer): Uint8Array {
  return new Uint8Array(Buffer.concat(peer.protocol.all('data').map(({ bytes }) => bytes)));
}

function closedOf(peer: CompliancePeer): string[] {
  return peer.protocol.all('closed').map(({ how }) => how);
}

function open(from: CompliancePeer, to: CompliancePeer, purpose = 1): StreamId {
  let stream: StreamId = -1;
  from.input(() => {
    stream = from.env.streams.open(to.contact, purpose);
  });
  return stream;
}

function checkStreams(check: Check): void {
  check('a stream delivers its bytes in order, then ends for both, and says who opened it and what for', async ({ a, b, until }) => {
    const stream = open(a, b, 77);
    a.input(() => {
      for (let i = 0; i < 300; i++) a.env.streams.write(stream, bytesOf(`${i},`));
      a.env.streams.end(stream);
    });
    await until(() => closedOf(b).length > 0 && closedOf(a).length > 0, 'the end');
    assert.equal(text(received(b)), Array.from({ length: 300 }, (_, i) => `${i},`).join(''));
    assert.deepEqual([closedOf(a), closedOf(b)], [['ended'], ['ended']]);
    const [opened] = b.protocol.all('opened');
    assert.deepEqual([opened?.purpose, opened?.from.peerId], [77, a.contact.peerId]);
  });

  check('the opened end answers on the same stream', async ({ a, b, until }) => {
    let asked = '';
    b.protocol.react = (input) => {
      if (input.kind !== 'data') return;
      asked += text(input.bytes); // it may come in pieces
      if (asked !== 'question?') return;
      b.env.streams.write(input.stream, bytesOf('answer'));
      b.env.streams.end(input.stream);
    };
    const stream = open(a, b);
    a.input(() => a.env.streams.write(stream, bytesOf('question?')));
    await until(() => closedOf(a).length > 0 && closedOf(b).length > 0, 'the end');
    assert.equal(text(received(a)), 'answer');
  });

  check('a writer above the mark is told so, and told when it may go on; every byte arrives', async ({ a, b, until }) => {
    const chunk = new Uint8Array(65_536).map((_, i) => i * 7);
    let written = 0;
    let refused = 0;
    const stream = open(a, b);
    const pump = (): void => {
      while (written < 64) {
        written++;
        if (!a.env.streams.write(stream, chunk)) {
          refused++;
          return;
        }
      }
      a.env.streams.end(stream);
    };
    a.protocol.react = (input) => {
      if (input.kind === 'writable') pump();
    };
    a.input(pump);
    await until(() => closedOf(b).length > 0, 'the end');
    assert.ok(refused > 0);
    const got = received(b);
    assert.equal(got.length, 64 * chunk.length);
    for (let i = 0; i < got.length; i += 1_021) if (got[i] !== chunk[i % chunk.length]) assert.fail(`byte ${i} is wrong`);
  });

  check('a paused stream delivers nothing, not even what is there already, until it is resumed', async ({ a, b, until }) => {
    b.protocol.react = (input) => {
      if (input.kind === 'opened') b.env.streams.pause(input.stream);
    };
    const stream = open(a, b);
    a.input(() => {
      a.env.streams.write(stream, bytesOf('held'));
      a.env.streams.end(stream);
      a.env.send(b.contact, bytesOf('past it'));
    });
    await until(() => b.protocol.all('opened').length > 0 && b.protocol.all('message').length > 0, 'the stream and the message');
    assert.deepEqual([received(b).length, closedOf(b).length], [0, 0]);
    let resuming = false;
    b.protocol.react = () => assert.ok(!resuming, 'delivered during resume');
    b.input(() => {
      resuming = true;
      b.env.streams.resume(b.protocol.all('opened')[0]?.stream ?? -1);
      resuming = false;
    });
    await until(() => closedOf(b).length > 0, 'the end');
    assert.equal(text(received(b)), 'held');
  });

  check('reset is heard at the other end only, and a dead stream takes calls without effect', async ({ a, b, until }) => {
    const stream = open(a, b);
    a.input(() => a.env.streams.write(stream, bytesOf('x')));
    await until(() => b.protocol.all('data').length > 0, 'the byte');
    a.input(() => a.env.streams.reset(stream));
    await until(() => closedOf(b).length > 0, 'the reset');
    assert.deepEqual([closedOf(a), closedOf(b)], [[], ['reset']]);
    for (const [peer, id] of [[a, stream], [b, b.protocol.all('opened')[0]?.stream ?? -1], [a, 123_456]] as const) {
      peer.input(() => {
        assert.equal(peer.env.streams.write(id, bytesOf('y')), false);
        peer.env.streams.end(id);
        peer.env.streams.reset(id);
        peer.env.streams.pause(id);
        peer.env.streams.resume(id);
      });
    }
  });

  check('a stream to nobody is closed later, not during open', async ({ a, b, until }) => {
    const nobody: Contact = { ...b.contact, peerId: '12D3KooWNvf6q3GVd6q4hpMhsBaXh9zKoQfarfEvH1Lp5eZFonK6', addresses: [] };
    let opening = false;
    a.protocol.react = (input) => assert.ok(!opening || input.kind !== 'closed', 'closed during open');
    a.input(() => {
      opening = true;
      a.env.streams.open(nobody, 1);
      opening = false;
    });
    await until(() => closedOf(a).length > 0, 'the refusal');
    assert.deepEqual(closedOf(a), ['reset']);
  });
}
