/**
 * Writes the fingerprint of the run of feeds, after a change of behaviour that was meant.
 */
import { writeFileSync } from 'node:fs';
import { FEEDS_GOLDEN_FILE, goldenFeedsRun } from './golden-feeds-run.ts';

writeFileSync(FEEDS_GOLDEN_FILE, `${JSON.stringify(goldenFeedsRun({ queue: 'heap', wire: false }), undefined, 2)}\n`);
