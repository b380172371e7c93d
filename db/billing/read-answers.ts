import { portionKey, portionOf } from '../../shared/invoicing/portions.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { readUsage } from '../usage/read-usage.ts'
import type { UsageSlice } from '../usage/usage-question.ts'
import type { AskedComponent, ComponentQuestion } from './component-questions.ts'

/** A question with the component that asks it. */
export interface AskedQuestion extends ComponentQuestion {
  /** The place of the component. */
  readonly asked: number
}

/** Questions as they were answered in the end, and the slices, which name them by their place. */
export interface Answers {
  readonly questions: readonly AskedQuestion[]
  readonly slices: readonly UsageSlice[]
}

/**
 * Reads what components ask. Distinct values are counted without their events where these counts are those of the asked
 * time and no two of them would have to be one number, because they may have values in common; else events are read.
 */
export async function readAnswers(
  transaction: OrganizationTransaction,
  organizationId: number,
  components: readonly AskedComponent[],
  asked: readonly AskedQuestion[],
): Promise<Answers> {
  const found = await readUsage(transaction, organizationId, asked)
  const uncounted = uncountedComponents(components, asked, found)
  if (uncounted.size === 0) return { questions: asked, slices: found }
  const questions = asked.map((question) => (uncounted.has(question.asked) ? askEvents(question) : question))
  const places = questions.flatMap((question, place) => (uncounted.has(question.asked) ? [place] : []))
  const again = questions.filter((question) => uncounted.has(question.asked))
  const slices = await readUsage(transaction, organizationId, again)
  return {
    questions,
    slices: [
      ...found.filter(({ position }) => !uncounted.has(asked[position]?.asked ?? -1)),
      ...slices.map((slice) => ({ ...slice, position: places[slice.position] ?? -1 })),
    ],
  }
}

function askEvents(question: AskedQuestion): AskedQuestion {
  return { ...question, source: 'events', distinctUntil: undefined }
}

/** The places of components whose distinct values cannot be told from counts. */
function uncountedComponents(
  components: readonly AskedComponent[],
  asked: readonly AskedQuestion[],
  slices: readonly UsageSlice[],
): ReadonlySet<number> {
  const uncounted = new Set<number>()
  const seriesOfPortions = new Map<string, string>()
  for (const { position, dimensions, distinct } of slices) {
    const question = asked[position]
    const component = components[question?.asked ?? -1]?.component
    if (distinct === undefined || question === undefined || component === undefined) continue
    const cell = component.modifiers?.matrix?.dimensions.map((key) => dimensions[key] ?? null)
    const portion = `${question.asked} ${portionKey(portionOf(component, dimensions))} ${JSON.stringify(cell)}`
    const series = JSON.stringify([
      question.externalSubscriptionId,
      keysOf(dimensions).map((key) => [key, dimensions[key]]),
    ])
    const isAlone = seriesOfPortions.getOrInsert(portion, series) === series
    if (!distinct.isExact || !isAlone) uncounted.add(question.asked)
  }
  return uncounted
}

// Of a row they come in another order than of an event.
function keysOf(dimensions: Readonly<Record<string, string>>): string[] {
  return Object.keys(dimensions).sort()
}
