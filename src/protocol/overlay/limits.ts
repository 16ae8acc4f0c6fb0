/**
 * How large what people store may be. Apart from the overlay, because whoever only checks an argument must not load all of it: a
 * command that talks to a running peer starts in half the time.
 */

/** Most bytes of a value; larger ones are stored as chunks behind references by the caller. */
export const VALUE_MAX_BYTES = 1_048_576;
/** As the wire allows. */
export const FIELD_NAME_MAX_BYTES = 64;
