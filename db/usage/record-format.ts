/*
 * A record is an event on its way to the tables, written where it is received and only copied from then on:
 *
 *   uint32  bytes of the record
 *   uint16  where its fields begin
 *   uint8   flags
 *   uint16 and text              the customer's external id
 *   (uint16 and text, float64)   producer and sequence, of an event that has them
 *   fields as COPY takes them    content hash, event key, timestamp, code, source, transaction id, external id of the
 *                                subscription, amount, properties
 *
 * Records one after the other are a list of events. Numbers are big-endian, as in the protocol of Postgres.
 */
export const FIELDS_AT = 4
export const FLAGS = 6
export const CUSTOMER = 7
export const TIMED_BY_SERVER = 1
export const HAS_PRODUCER = 2
export const HOLDS_RAW_NUMBERS = 4
export const FIELD_HEAD = 4
export const HASH_BYTES = 8
export const KEY_BYTES = 16
/** From where the fields begin. */
export const KEY = FIELD_HEAD + HASH_BYTES
export const TIMESTAMP = KEY + FIELD_HEAD + KEY_BYTES
export const CODE = TIMESTAMP + FIELD_HEAD + 8
