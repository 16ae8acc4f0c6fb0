/**
 * Rewrites the committed fingerprints of multicast sessions that compete for a helper.
 */
import { writeFileSync } from 'node:fs';
import { goldenMarketRuns, MARKET_GOLDEN_FILE } from './golden-market-run.ts';

writeFileSync(MARKET_GOLDEN_FILE, `${JSON.stringify(await goldenMarketRuns('heap'), undefined, 2)}\n`);
