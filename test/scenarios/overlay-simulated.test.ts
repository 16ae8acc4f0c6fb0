/**
 * The overlay scenarios on simulated peers.
 */
import { overlayScenarios } from './overlay-scenarios.ts';
import { simulated } from './suite.ts';

simulated('overlay', overlayScenarios);
