/** [0061] What an operator may say of this machine's worth at the root, and what is refused before anything starts. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startDaemon } from '../../../src/daemon/daemon.ts';

test('a capability without promotion would mean nothing: it is refused in one sentence, and nothing is written', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'grove-capability-'));
  const ended = AbortSignal.abort(new Error('the peer would have started'));
  try {
    const starting = startDaemon({ directory, capability: 'cpu.cores', signal: ended } as never);
    await assert.rejects(starting, { message: 'A capability counts only with promotion: add --promote, or leave --capability out.' });
    assert.deepEqual(readdirSync(directory), []);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
