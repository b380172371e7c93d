import { Client } from 'pg'

/** An event as it is sent over HTTP. */
export interface SentEvent {
  readonly transaction_id: string
  readonly source?: string
  readonly external_customer_id: string
  readonly external_subscription_id?: string
  readonly code: string
  readonly timestamp: string
  readonly properties: Readonly<Record<string, unknown>>
}

/** What was sent, in the order of sending, as a table that knows nothing of what became of it. */
export interface SentUsage {
  add(events: readonly SentEvent[]): Promise<void>
  /** Notes that the event of an identity counts no more, or as another one, from here on. */
  correct(event: SentEvent, amended: SentEvent | null): Promise<void>
  /**
   * Rows of a query over `first_sent`, the first event of each identity as it counts now, `originally_sent`, as it was sent, and
   * `sent`, all of them.
   */
  query<Row extends object>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>
  close(): Promise<void>
}

// number_of: what a field of a metric reads. expression_number: what an expression computes with. fault_of: why not.
const SCRATCH = `
  create temp table sent (place bigserial, customer text, source text, transaction_id text, subscription text, code text,
    at timestamptz, p jsonb);
  create temp table corrected (like sent including defaults, voided boolean);
  create temp view originally_sent as
    select distinct on (customer, source, transaction_id) * from sent order by customer, source, transaction_id, place;
  create temp view first_sent as
    select * from originally_sent where (customer, source, transaction_id) not in (
      select customer, source, transaction_id from corrected)
    union all
    select place, customer, source, transaction_id, subscription, code, at, p from (
      select distinct on (customer, source, transaction_id) * from corrected
      order by customer, source, transaction_id, place desc) last_corrected where not voided;
  create function pg_temp.number_of(value jsonb) returns numeric language sql as $$
    select case when jsonb_typeof(value) = 'number' then (value #>> '{}')::numeric
      when jsonb_typeof(value) = 'string' and value #>> '{}' ~ '^[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][0-9]{1,2})?$'
      then case when abs((value #>> '{}')::numeric) < 1e30 then (value #>> '{}')::numeric end end $$;
  create function pg_temp.expression_number(value jsonb) returns numeric language sql as $$
    select case when jsonb_typeof(value) = 'boolean' then (value #>> '{}')::boolean::int
      else pg_temp.number_of(value) end $$;
  create function pg_temp.fault_of(value jsonb) returns text language sql as $$
    select case when value is null or value = 'null' then 'value_missing'
      when pg_temp.number_of(value) is null then 'value_not_a_number' end $$;
  create function pg_temp.expression_fault(value jsonb) returns text language sql as $$
    select case when value is null or jsonb_typeof(value) in ('null', 'object', 'array') then 'value_missing'
      when pg_temp.expression_number(value) is null then 'value_not_a_number' end $$;
  create function pg_temp.quotient(one numeric, other numeric) returns numeric language sql as $$
    select (one + 0::numeric(100, 60)) / other $$`

/** Opens the table, within the database but seen by nobody else. */
export async function openSentUsage(databaseUrl: string): Promise<SentUsage> {
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  await client.query(SCRATCH)
  return {
    add: async (events) => {
      await client.query(
        `insert into sent (customer, source, transaction_id, subscription, code, at, p)
         select e ->> 'external_customer_id', coalesce(e ->> 'source', ''), e ->> 'transaction_id',
           e ->> 'external_subscription_id', e ->> 'code', (e ->> 'timestamp')::timestamptz, e -> 'properties'
         from jsonb_array_elements($1::jsonb) with ordinality as given (e, place) order by place`,
        [JSON.stringify(events)],
      )
    },
    correct: async (event, amended) => {
      const { source = '', external_subscription_id = null, code, timestamp, properties } = amended ?? event
      await client.query(
        `insert into corrected (customer, source, transaction_id, subscription, code, at, p, voided)
         values ($1, $2, $3, $4, $5, $6, $7, $8)`,
        [
          event.external_customer_id,
          source,
          event.transaction_id,
          external_subscription_id,
          code,
          timestamp,
          JSON.stringify(properties),
          amended === null,
        ],
      )
    },
    query: async (sql, parameters = []) => (await client.query(sql, [...parameters])).rows,
    close: () => client.end(),
  }
}
