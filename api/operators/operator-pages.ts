import { createBullBoard } from '@bull-board/api'
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter'
import { FastifyAdapter } from '@bull-board/fastify'
import cookie from '@fastify/cookie'
import type { FastifyInstance } from 'fastify'
import type { Producer } from '../../queues/producer.ts'
import type { ApiContext } from '../context.ts'
import { registerFormBody } from './form-body.ts'
import { registerSignIn, requireOperator } from './sign-in.ts'

/** The queue dashboard at `/queues`, for operators only. */
export async function registerOperatorPages(server: FastifyInstance, context: ApiContext): Promise<void> {
  await server.register(async (scope) => {
    await scope.register(cookie)
    registerFormBody(scope, context.bodies)
    registerSignIn(scope, context)
    await scope.register(async (board) => {
      board.addHook('onRequest', async (request, reply) => requireOperator(context, request, reply))
      await board.register(queueBoard(context.producer), { prefix: '/queues' })
    })
  })
}

function queueBoard(producer: Producer) {
  const serverAdapter = new FastifyAdapter().setBasePath('/queues')
  createBullBoard({
    queues: producer.queues().map((queue) => new BullMQAdapter(queue)),
    serverAdapter,
    options: { uiConfig: { boardTitle: 'Tabkeeper queues' } },
  })
  return serverAdapter.registerPlugin()
}
