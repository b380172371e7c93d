import Type from 'typebox'
import { advanceTestClock, insertTestClock, requireTestClock, type TestClock } from '../../db/catalogue/test-clocks.ts'
import { inOrganization, type Routes } from '../context.ts'
import {
  Choice,
  failures,
  Input,
  Name,
  Nullable,
  Output,
  readInstant,
  Time,
  TimeInput,
  Uuid,
} from '../schemas/common.ts'

const TestClockCreate = Input('TestClockCreate', { frozen_time: TimeInput, name: Type.Optional(Nullable(Name)) })
const TestClockAdvance = Input('TestClockAdvance', { frozen_time: TimeInput })

const TestClockAnswer = Output('TestClock', {
  id: Uuid,
  name: Nullable(Type.String()),
  frozen_time: Time,
  status: Choice(['ready', 'advancing'], {
    title: 'TestClockStatus',
    description: '`advancing` until everything that fell due has been done.',
  }),
  created_at: Time,
  updated_at: Time,
})

const ById = Type.Object({ id: Uuid })

/** A clock that moves when it is told to, so that a year of billing takes a minute. */
export const testClockRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)

  server.post(
    '/test_clocks',
    {
      schema: {
        operationId: 'createTestClock',
        summary: 'Create the test clock',
        description: 'Puts the organization in test mode. Possible once, before its first subscription.',
        tags: ['Test clocks'],
        body: TestClockCreate,
        response: { 201: TestClockAnswer, ...failures('test_clock_exists', 'organization_is_live') },
      },
    },
    async (request, reply) => {
      const frozenTime = readInstant(request.body.frozen_time, 'frozen_time')
      const name = request.body.name ?? null
      const clock = await within(request, (transaction, id) => insertTestClock(transaction, id, { name, frozenTime }))
      return reply.code(201).send(view(clock))
    },
  )

  server.get(
    '/test_clocks/:id',
    {
      schema: {
        operationId: 'getTestClock',
        summary: 'Retrieve a test clock',
        tags: ['Test clocks'],
        params: ById,
        response: { 200: TestClockAnswer, ...failures('test_clock_not_found') },
      },
    },
    (request) =>
      within(request, async (transaction, id) => view(await requireTestClock(transaction, id, request.params.id))),
  )

  server.post(
    '/test_clocks/:id/advance',
    {
      schema: {
        operationId: 'advanceTestClock',
        summary: 'Move a test clock forward',
        description: 'Answers at once; retrieve the clock until its status is `ready`.',
        tags: ['Test clocks'],
        params: ById,
        body: TestClockAdvance,
        response: {
          202: TestClockAnswer,
          ...failures('test_clock_not_found', 'test_clock_advancing', 'test_clock_backwards'),
        },
      },
    },
    async (request, reply) => {
      const move = { id: request.params.id, frozenTime: readInstant(request.body.frozen_time, 'frozen_time') }
      const clock = await within(request, (transaction, id) => advanceTestClock(transaction, id, move))
      return reply.code(202).send(view(clock))
    },
  )
}

function view(clock: TestClock) {
  return {
    id: clock.id,
    name: clock.name,
    frozen_time: clock.frozenTime.toString(),
    status: clock.status,
    created_at: clock.createdAt.toString(),
    updated_at: clock.updatedAt.toString(),
  }
}
