/**
 * The scenarios of multicast sessions on simulated peers.
 */
import { castScenarios } from './cast-scenarios.ts';
import { simulated } from './suite.ts';

simulated('cast', castScenarios);
