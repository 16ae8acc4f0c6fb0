/**
 * The scenarios of feeds on simulated peers.
 */
import { feedScenarios } from './feed-scenarios.ts';
import { simulated } from './suite.ts';

simulated('feed', feedScenarios);
