/** The promises of Env, kept by two simulated peers. */
import assert from 'node:assert/strict';
import { makeContact } from '../../src/sim/contacts.ts';
import { ConstantLatency } from '../../src/sim/latency/latency-model.ts';
import { World } from '../../src/sim/world.ts';
import { randomFrom } from '../../src/core/random.ts';
import type { Env } from '../../src/core/env.ts';
import type { ToyFact, ToyMessage } from '../unit/host/toy.ts';
import { toyCodec, ToyProtocol } from '../unit/host/toy.ts';
import type { CompliancePeer } from './env-compliance.ts';
import { runEnvCompliance } from './env-compliance.ts';

const PATIENCE_MS = 600_000;

function spawn(world: World<ToyMessage, ToyFact>, name: number): CompliancePeer {
  const protocol = new ToyProtocol();
  const contact = makeContact(randomFrom(name), name);
  const envs: Env<ToyMessage, ToyFact>[] = [];
  const index = world.spawn(contact, (env) => {
    envs.push(env);
    return protocol;
  });
  world.onFact((peer, fact) => {
    if (peer === index) protocol.note({ kind: 'fact', fact });
  });
  const [env] = envs;
  assert.ok(env !== undefined);
  return { contact: world.contact(index), env, protocol, input: (call) => call() };
}

runEnvCompliance('simulated peer', async () => {
  const world = new World<ToyMessage, ToyFact>({ seed: 1, codec: toyCodec, latency: new ConstantLatency(5), wire: true });
  return {
    a: spawn(world, 1),
    b: spawn(world, 2),
    until: async (holds, what) => {
      assert.ok(world.runUntilHolds(holds, 1, PATIENCE_MS) !== undefined, `waited in vain for ${what}`);
    },
    stop: async () => undefined,
  };
});
