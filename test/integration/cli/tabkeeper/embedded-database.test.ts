import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { EmbeddedPostgres } from '../../../../db/embedded/embedded-postgres.ts'
import { migrate } from '../../../../db/migrate.ts'
import { createOrganization } from '../../../../db/organizations.ts'
import { runTabkeeper } from '../../../support/tabkeeper.ts'

test('without DATABASE_URL it takes the embedded database, whether its server runs or not', async () => {
  const parent = mkdtempSync(join(tmpdir(), 'tabkeeper-command-'))
  const folder = join(parent, 'data')
  const postgres = new EmbeddedPostgres({ folder, profile: 'test' })
  const verify = () => runTabkeeper(['verify', '--json'], { TABKEEPER_DATA_DIR: folder })
  try {
    await postgres.start()
    expect(await verify()).toMatchObject({ exitCode: 4, errors: expect.stringContaining('0001_foundation.sql') })
    await migrate(postgres.url)
    expect(await verify()).toMatchObject({ exitCode: 2, errors: expect.stringContaining('no organization') })
    await createOrganization(postgres.url, { name: 'Command' })
    expect(await verify()).toMatchObject({ exitCode: 0, json: { equal: true, organizations: 1 } })
    await postgres.stop()
    expect(await verify()).toMatchObject({ exitCode: 0, json: { equal: true, organizations: 1 } })
  } finally {
    await postgres.remove()
    rmSync(parent, { recursive: true, force: true })
  }
})
