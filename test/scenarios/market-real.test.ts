/**
 * The scenario of competing multicast sessions on real peers.
 */
import { marketScenarios } from './market-scenarios.ts';
import { real } from './suite.ts';

real('market', marketScenarios);
