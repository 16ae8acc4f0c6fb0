/**
 * Writes the fingerprints of the present code into ring.json: `node test/golden/update.ts`, after a change of behaviour
 * that was meant. The commit that carries the new file says in CHANGELOG.md what peers now do differently.
 */
import { writeFileSync } from 'node:fs';
import { STRATEGY_NAMES } from '../../src/protocol/options.ts';
import { GOLDEN_FILE, goldenRun } from './golden-run.ts';

const runs = STRATEGY_NAMES.map((strategy) => [strategy, goldenRun(strategy, { queue: 'heap', wire: false })]);
writeFileSync(GOLDEN_FILE, `${JSON.stringify(Object.fromEntries(runs), null, 2)}\n`);
