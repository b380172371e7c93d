import { type RawBuilder, sql } from 'kysely'

type Sql = RawBuilder<unknown>

/**
 * The `jsonb` at a field of `properties`, by the rule of `propertyAt`: a key that itself holds the points wins over the
 * path, and lists have indexes and a length.
 */
function propertySql(properties: Sql, fieldName: string): Sql {
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

/** The number in a field, by the rule of `numericContribution`; null where there is none. */
export function propertyNumberSql(properties: Sql, fieldName: string): Sql {
  const value = propertySql(properties, fieldName)
  return sql`(
    select case when abs(number) < 1e30 and scale(trim_scale(number)) <= 30 then number end
    from (select case when jsonb_typeof(value) in ('number', 'string') and value #>> '{}' ~ ${DECIMAL}
                      then (value #>> '{}')::numeric end as number
          from (select ${value} as value) field) read)`
}

const DECIMAL = '^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?$'
