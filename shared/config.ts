import { AppError } from './errors.ts'

/** What a process must know before it starts; read once at the entry and passed down. */
export interface Config {
  /** Owner connection; processes take a lesser role on it. */
  readonly databaseUrl: string
  /** Connections this process may open to Postgres, queues included. */
  readonly databasePoolMax: number
  /** Set: queues live on Redis. Absent: on Postgres. */
  readonly redisUrl: string | undefined
  /** What the keys of the queues begin with in Redis; installations that share a Redis need one each. */
  readonly redisPrefix: string
  /** `everysec` accepts losing up to a second of acknowledged events with the machine. */
  readonly redisDurability: 'always' | 'everysec'
  readonly host: string
  readonly port: number
  /** Signs the operators' session cookies, and encrypts the secrets of webhook endpoints. */
  readonly secret: string
  /** `allow` lets webhook endpoints be on this machine or in a private network. */
  readonly webhookPrivateAddresses: 'refuse' | 'allow'
  /** Messages that arrived everywhere, and announcements that were relayed, are deleted when they are older. */
  readonly webhookRetentionDays: number
  /** With this many events in the queue, no more are taken in. */
  readonly ingestMaxQueuedEvents: number
  /** Mebibytes of events that a web process holds until the queue has confirmed them. */
  readonly ingestMaxHeldMb: number
  /** Mebibytes of request bodies that a web process holds until they are whole. */
  readonly requestMaxHeldMb: number
  /** How long a web process waits for the rest of a body, or for more of a stream. */
  readonly requestTimeoutSeconds: number
  /** Where the data of Postgres is, when that is a folder of this machine. */
  readonly databaseFolder: string | undefined
  /** With less free space than this many mebibytes there, no more events are taken in. */
  readonly databaseMinFreeMb: number
  /** With a database of this many mebibytes, no more events are taken in; undefined: it may grow. */
  readonly databaseMaxMb: number | undefined
  readonly logLevel: string
}

type Environment = Readonly<Record<string, string | undefined>>

/** Parses the environment. Throws with the name of what is missing or wrong, and an example. */
export function readConfig(environment: Environment): Config {
  return {
    databaseUrl: required(environment, 'DATABASE_URL', 'postgres://user:password@127.0.0.1:5432/tabkeeper'),
    databasePoolMax: integer(environment, 'DATABASE_POOL_MAX', { fallback: 8, least: 3, most: 100 }),
    redisUrl: environment['REDIS_URL'] || undefined,
    redisPrefix: environment['REDIS_PREFIX'] || 'tabkeeper',
    redisDurability: oneOf(environment, 'REDIS_DURABILITY', ['always', 'everysec']),
    host: environment['HOST'] ?? '127.0.0.1',
    port: integer(environment, 'PORT', { fallback: 3000, least: 0, most: 65_535 }),
    secret: required(environment, 'TABKEEPER_SECRET', 'the output of: openssl rand -hex 32'),
    webhookPrivateAddresses: oneOf(environment, 'WEBHOOK_PRIVATE_ADDRESSES', ['refuse', 'allow']),
    webhookRetentionDays: integer(environment, 'WEBHOOK_RETENTION_DAYS', { fallback: 30, least: 1, most: 3650 }),
    ingestMaxQueuedEvents: integer(environment, 'INGEST_MAX_QUEUED_EVENTS', {
      fallback: 5_000_000,
      least: 1,
      most: 1_000_000_000,
    }),
    ingestMaxHeldMb: integer(environment, 'INGEST_MAX_HELD_MB', { fallback: 64, least: 1, most: 4096 }),
    requestMaxHeldMb: integer(environment, 'REQUEST_MAX_HELD_MB', { fallback: 128, least: 1, most: 4096 }),
    requestTimeoutSeconds: integer(environment, 'REQUEST_TIMEOUT_SECONDS', { fallback: 60, least: 1, most: 3600 }),
    databaseFolder: environment['DATABASE_FOLDER'] || undefined,
    databaseMinFreeMb: integer(environment, 'DATABASE_MIN_FREE_MB', { fallback: 512, least: 0, most: 1_000_000_000 }),
    databaseMaxMb: integer(environment, 'DATABASE_MAX_MB', { fallback: 0, least: 0, most: 1_000_000_000 }) || undefined,
    logLevel: environment['LOG_LEVEL'] ?? 'info',
  }
}

function required(environment: Environment, name: string, example: string): string {
  const value = environment[name]
  if (!value) throw new AppError('bad_request', `${name} is missing; for example ${example}`)
  return value
}

function integer(
  environment: Environment,
  name: string,
  { fallback, least, most }: { fallback: number; least: number; most: number },
): number {
  const text = environment[name]
  if (text === undefined || text === '') return fallback
  const value = Number(text)
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new AppError('bad_request', `${name} is "${text}"; it takes a whole number from ${least} to ${most}`)
  }
  return value
}

function oneOf<const Choice extends string>(
  environment: Environment,
  name: string,
  choices: readonly [Choice, ...Choice[]],
): Choice {
  const text = environment[name] ?? choices[0]
  const choice = choices.find((candidate) => candidate === text)
  if (choice === undefined) throw new AppError('bad_request', `${name} is "${text}"; it takes ${choices.join(' or ')}`)
  return choice
}
