/**
 * A logger for libp2p that says nothing, in the place of its own, which makes several objects for each stream and asks each time whether the terminal has colours.
 *
 * That was a twentieth of the CPU time of peers that pass documents on. What a host has to say it says as facts. With DEBUG set libp2p's own logger is used.
 */
import type { ComponentLogger, Logger } from '@libp2p/interface';

const nothing = (): void => undefined;
const quiet: Logger = Object.assign(nothing, { error: nothing, trace: nothing, enabled: false, newScope: (): Logger => quiet });

export function quietLogger(): { readonly logger?: ComponentLogger } {
  return process.env['DEBUG'] === undefined ? { logger: { forComponent: () => quiet } } : {};
}
