/**
 * The ring scenarios on real peers.
 */
import { ringScenarios } from './ring-scenarios.ts';
import { real } from './suite.ts';

real('ring', ringScenarios);
