import { totalmem } from 'node:os'

/** `service` is for keeping data and speed, `test` for many small servers on a busy machine. */
export type PostgresProfile = 'service' | 'test'

const MEGABYTE = 1024 * 1024

/** The server's settings, as `name=value`. A commit that was answered is on the disk in either profile. */
export function serverSettings(profile: PostgresProfile, port: number): readonly string[] {
  return [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    'unix_socket_directories=',
    `max_connections=${profile === 'service' ? 100 : 200}`,
    // Usage and billing touch many partitions in one transaction.
    'max_locks_per_transaction=256',
    `shared_buffers=${profile === 'service' ? serviceBuffersMegabytes() : 128}MB`,
    'fsync=on',
    'synchronous_commit=on',
    // Measured: compressing full pages costs more processor than it saves writes.
    'wal_compression=off',
    'max_wal_size=4GB',
    // Measured: writing each new file of the log full of zeros before it is used is a twenty-fifth of what an event costs.
    'wal_init_zero=off',
    'checkpoint_timeout=15min',
    'checkpoint_completion_target=0.9',
    'random_page_cost=1.1',
    'jit=off',
    'timezone=UTC',
    'log_timezone=UTC',
    // Errors of statements reach the client that caused them, which logs them with what it was doing.
    'log_min_messages=log',
    'log_checkpoints=off',
  ]
}

// A quarter of the machine, as is usual, up to what the identities of some ten million events take: they come in no order,
// and each that is not there costs a read and a write.
function serviceBuffersMegabytes(): number {
  return Math.min(4096, Math.floor(totalmem() / MEGABYTE / 4))
}
