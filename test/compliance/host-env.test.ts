/** The promises of Env, kept by two real hosts on loopback with a store on disk. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { SqliteStore } from '../../src/host/sqlite-store.ts';
import type { ToyHost } from '../unit/host/toy.ts';
import { startToy } from '../unit/host/toy.ts';
import type { CompliancePeer } from './env-compliance.ts';
import { runEnvCompliance } from './env-compliance.ts';

const directory = mkdtempSync(join(tmpdir(), 'grove-compliance-'));
after(() => rmSync(directory, { recursive: true, force: true }));
let files = 0;

function peerOf({ host, protocol }: ToyHost): CompliancePeer {
  return { contact: host.contact, env: host.env, protocol, input: (call) => host.input(call) };
}

runEnvCompliance('real host', async () => {
  const store = new SqliteStore(join(directory, `${++files}.db`));
  const a = await startToy({ store });
  const b = await startToy();
  return {
    a: peerOf(a),
    b: peerOf(b),
    until: async (holds, what) => {
      const settled = new AbortController(); // whichever peer the news comes to ends the waiting of both
      await Promise.race([a, b].map(async ({ protocol }) => protocol.until(holds, what, settled.signal)));
      settled.abort();
    },
    stop: async () => {
      await Promise.all([a.host.stop(), b.host.stop()]);
      store.close();
    },
  };
});
