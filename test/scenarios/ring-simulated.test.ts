/**
 * The ring scenarios on simulated peers.
 */
import { ringScenarios } from './ring-scenarios.ts';
import { simulated } from './suite.ts';

simulated('ring', ringScenarios);
