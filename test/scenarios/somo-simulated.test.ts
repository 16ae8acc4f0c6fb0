/**
 * The scenarios of the metadata tree on simulated peers.
 */
import { simulated } from './suite.ts';
import { somoScenarios } from './somo-scenarios.ts';

simulated('somo', somoScenarios);
