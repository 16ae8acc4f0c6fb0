/**
 * The scenario of competing multicast sessions on simulated peers.
 */
import { marketScenarios } from './market-scenarios.ts';
import { simulated } from './suite.ts';

simulated('market', marketScenarios);
