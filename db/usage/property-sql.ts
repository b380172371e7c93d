import { type RawBuilder, sql } from 'kysely'

type Sql = RawBuilder<unknown>

/**
 * The `jsonb` at a field of `properties`, by the rule of `propertyAt`: a key that itself holds the points wins over the
 * path, and lists have indexes and a length.
 */
export function propertySql(properties: Sql, fieldName: string): Sql {
  const path = fieldName.startsWith('$.') ? fieldName.slice(2) : fieldName
  const keys = path.split('.')
  if (keys.length === 1) return sql`(${properties} -> ${path}::text)`
  const walked = keys.reduce(stepSql, properties)
  return sql`(case when ${properties} ? ${path}::text then ${properties} -> ${path}::text else ${walked} end)`
}

function stepSql(value: Sql, key: string): Sql {
  const inObject = sql`(${value} -> ${key}::text)`
  if (key === 'length') {
    return sql`(case jsonb_typeof(${value}) when 'array' then to_jsonb(jsonb_array_length(${value})) else ${inObject} end)`
  }
  if (!LIST_INDEX.test(key)) return inObject
  return sql`(case jsonb_typeof(${value}) when 'array' then ${value} -> ${Number(key)}::integer else ${inObject} end)`
}

const LIST_INDEX = /^(?:0|[1-9]\d{0,8})$/

/** The text of a field that usage is grouped and filtered by; what is absent or null reads as the empty text. */
export function propertyTextSql(properties: Sql, fieldName: string): Sql {
  return sql`coalesce(${propertySql(properties, fieldName)} #>> '{}', '')`
}

/**
 * The number at a `jsonb` value, by the rule of `numericContribution`; null where there is none. It may still have more
 * digits than a decimal may: `boundedSql` says.
 */
export function numberSql(value: Sql): Sql {
  return sql`(case jsonb_typeof(${value}) when 'number' then ${value}::numeric
    when 'string' then case when ${value} #>> '{}' ~ ${DECIMAL} then (${value} #>> '{}')::numeric end end)`
}

/** A number, or null where it has more digits than `parseDecimal` accepts. */
export function boundedSql(number: Sql): Sql {
  return sql`(case when abs(${number}) < 1e30 and scale(trim_scale(${number})) <= 30 then ${number} end)`
}

const DECIMAL = '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?$'
