import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, startApi, type TestApi } from '../../support/api.ts'

let api: TestApi
let password: string

beforeAll(async () => {
  api = await startApi()
  password = (await api.client({ operator: 'operator' })).operatorPassword ?? ''
})
afterAll(() => api.stop())

function signIn(fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Answer> {
  return api.request('/queues/sign-in', { method: 'POST', body: new URLSearchParams(fields), headers })
}

function cookieOf(answer: Answer): string {
  return answer.headers.get('set-cookie')?.split(';')[0] ?? ''
}

describe('the queue dashboard', () => {
  test('a browser without a session is sent to the form, anything else is refused', async () => {
    const page = await api.request('/queues', { headers: { accept: 'text/html' } })
    expect([page.status, page.headers.get('location')]).toEqual([302, '/queues/sign-in'])
    const call = await api.request('/queues/api/queues')
    expect([call.status, call.body]).toEqual([
      401,
      { detail: 'sign in at /queues/sign-in first', code: 'unauthorized' },
    ])
    const form = await api.request('/queues/sign-in')
    expect([form.status, form.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  })

  test('an operator who signs in sees every queue', async () => {
    const signedIn = await signIn({ username: 'operator', password })
    expect([signedIn.status, signedIn.headers.get('location')]).toEqual([303, '/queues'])
    expect(signedIn.headers.get('set-cookie')).toMatch(
      /^tabkeeper_session=[^;]+; Max-Age=43200; Path=\/queues; HttpOnly; SameSite=Strict$/,
    )
    const cookie = cookieOf(signedIn)
    expect((await api.request('/queues', { headers: { cookie } })).text).toContain('Tabkeeper queues')
    const { body } = await api.request('/queues/api/queues', { headers: { cookie } })
    const names = body.queues.map(({ name }: { name: string }) => name)
    expect(names).toEqual(expect.arrayContaining(['aggregate-usage', 'issue-invoices', 'relay-outbox']))
  })

  test('a cookie that was changed or signed with another secret opens nothing', async () => {
    const [name, value = ''] = cookieOf(await signIn({ username: 'operator', password })).split('=')
    const [id, end, signature] = decodeURIComponent(value).split('.')
    const forged = [`${id}.${Number(end) + 9999}.${signature}`, `${id}.${end}.${'A'.repeat(43)}`, `${id}.${end}`, '']
    for (const cookie of forged) {
      const answer = await api.request('/queues/api/queues', { headers: { cookie: `${name}=${cookie}` } })
      expect(answer.status, cookie).toBe(401)
    }
  })

  test('requests that another site makes are refused', async () => {
    const foreign = await signIn({ username: 'operator', password }, { origin: 'https://evil.example' })
    expect([foreign.status, foreign.body]).toEqual([
      403,
      { detail: 'the request comes from another site', code: 'forbidden' },
    ])
    const cookie = cookieOf(await signIn({ username: 'operator', password }))
    const change = await api.request('/queues/api/queues/issue-invoices/pause', {
      method: 'PUT',
      headers: { cookie, 'sec-fetch-site': 'cross-site' },
    })
    expect(change.status).toBe(403)
  })

  test('signing out takes the cookie away', async () => {
    const answer = await api.request('/queues/sign-out', { method: 'POST' })
    expect([answer.status, answer.headers.get('location')]).toEqual([303, '/queues/sign-in'])
    expect(answer.headers.get('set-cookie')).toMatch(/^tabkeeper_session=; Max-Age=0/)
  })

  test('wrong names and passwords look alike, and after ten in a minute even the right one has to wait', async () => {
    const wrong = await signIn({ username: 'operator', password: 'guess' })
    const unknown = await signIn({ username: 'nobody', password: 'guess' })
    expect([wrong.status, wrong.text]).toEqual([401, unknown.text])
    for (let attempt = 3; attempt <= 10; attempt++) {
      expect((await signIn({ username: 'operator', password: `guess${attempt}` })).status).toBe(401)
    }
    const limited = await signIn({ username: 'operator', password })
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '60'])
  })
})
