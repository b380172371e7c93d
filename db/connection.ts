import { CamelCasePlugin, CompiledQuery, Kysely, PostgresDialect, type Transaction } from 'kysely'
import { Pool, types } from 'pg'
import { preparedOpening, preparingPool } from './prepared-statements.ts'
import type { Database } from './schema.ts'

/** Reads and writes go through one of these two; both run the same query functions. */
export type Connection = Kysely<Database>
export type OrganizationTransaction = Transaction<Database>

/** The role a process takes: `app` sees one organization at a time, `worker` may range over all. */
export type DatabaseRole = 'tabkeeper_app' | 'tabkeeper_worker'

const TIMESTAMP_WITH_TIME_ZONE = 1184

// Every statement ends: by itself, in vain behind a lock, or because its process forgot its transaction.
const TIMEOUTS = '-c statement_timeout=60s -c idle_in_transaction_session_timeout=60s'

interface PoolSettings {
  readonly url: string
  readonly role: DatabaseRole
  readonly max: number
  /** What the process is called. */
  readonly name: string
  /** Whether statements are sent before those ahead of them are answered, which `COPY` and cursors cannot bear. */
  readonly pipeline?: boolean
}

/**
 * The one pool of a process, shared by our queries and by the queues that live on Postgres, so that a process stays
 * within its budget of connections. Times come back as `Temporal.Instant`, `numeric` and `bigint` as text. The server
 * lists its connections under the name of the process.
 */
export function createPool({ url, role, max, name, pipeline = false }: PoolSettings): Pool {
  const pool = new Pool({
    connectionString: url,
    max,
    pipeline,
    fallback_application_name: `tabkeeper ${name}`,
    keepAlive: true,
    connectionTimeoutMillis: 10_000,
    options: `-c search_path=tabkeeper,bullmq -c timezone=UTC -c role=${role} ${TIMEOUTS}`,
    types: {
      getTypeParser: (oid, format) =>
        oid === TIMESTAMP_WITH_TIME_ZONE && format !== 'binary' ? parseInstant : types.getTypeParser(oid, format),
    },
  })
  // Every queue on Postgres listens to it.
  pool.setMaxListeners(0)
  // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
  pool.on('error', () => undefined)
  // The same for a connection that breaks between two statements of a transaction: the next statement tells.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

/** The query builder over the pool; rows have camelCase keys, JSON columns keep theirs. */
export function createConnection(pool: Pool): Connection {
  return new Kysely<Database>({
    dialect: new PostgresDialect({ pool: preparingPool(pool) }),
    plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })],
  })
}

/**
 * Runs the work in one transaction that sees only the rows of one organization: as the role `tabkeeper_app`, whatever
 * role the process has. Rolled back when the work throws. Work that only reads is not kept waiting for the end.
 */
export function withOrganization<Result>(
  connection: Connection,
  organizationId: number,
  work: (transaction: OrganizationTransaction) => Promise<Result>,
  { onlyReads = false }: { readonly onlyReads?: boolean } = {},
): Promise<Result> {
  const builder = onlyReads ? connection.transaction().setAccessMode('read only') : connection.transaction()
  return builder.execute(async (transaction) => {
    await transaction.executeQuery(CompiledQuery.raw(AS_ORGANIZATION, [String(organizationId)]))
    return await work(transaction)
  })
}

const AS_ORGANIZATION = preparedOpening(
  `select set_config('role', 'tabkeeper_app', true), set_config('tabkeeper.organization_id', $1, true)`,
)

function parseInstant(text: string): Temporal.Instant {
  return Temporal.Instant.from(text.replace(' ', 'T'))
}
