/**
 * Writes the fingerprints of the present code into somo.json: `node test/golden/update-somo.ts`, after a change of behaviour
 * that was meant. The commit that carries the new file says in CHANGELOG.md what peers now do differently.
 */
import { writeFileSync } from 'node:fs';
import { goldenSomoRun, SOMO_GOLDEN_FILE, SOMO_MODES } from './golden-somo-run.ts';

const runs = SOMO_MODES.map((mode) => [mode, goldenSomoRun(mode, { queue: 'heap', wire: false })]);
writeFileSync(SOMO_GOLDEN_FILE, `${JSON.stringify(Object.fromEntries(runs), null, 2)}\n`);
