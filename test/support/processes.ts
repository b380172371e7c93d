import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Supervisor } from '../../cli/start/supervisor.ts'
import { createTestDatabase } from './postgres.ts'
import { testRedisUrl } from './redis.ts'

export interface TestService {
  readonly supervisor: Supervisor
  /** Where the API answers. */
  readonly url: string
  /** The owner's connection string. */
  readonly databaseUrl: string
  /** `kill -9`, resolved when the runner has started the process again. */
  kill(name: string): Promise<void>
  /** What the processes printed so far, for the message of a failing test. */
  output(): string
  stop(): Promise<void>
}

export interface TestServiceOptions {
  /** `own` gives the service an embedded server of its own, which may be killed; else it shares the run's. */
  readonly postgres?: 'shared' | 'own'
  readonly folder?: string
  readonly environment?: NodeJS.ProcessEnv
}

/** Starts the processes of the Procfile as `npm start` does, on a free port with a database of their own. */
export async function startService(options: TestServiceOptions = {}): Promise<TestService> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'tabkeeper-service-'))
  const database = options.postgres === 'own' ? undefined : await createTestDatabase()
  const supervisor = new Supervisor({
    postgresProfile: 'test',
    environment: {
      ...process.env,
      PORT: '0',
      HOST: '127.0.0.1',
      LOG_LEVEL: 'warn',
      REDIS_URL: testRedisUrl() ?? '',
      DATABASE_URL: database?.url ?? '',
      TABKEEPER_DATA_DIR: dataFolder,
      ...options.environment,
    },
    ...(options.folder === undefined ? {} : { folder: options.folder }),
  })
  const lines: string[] = []
  supervisor.on('line', (name, text) => lines.push(`${name}: ${text}`))
  const stop = async () => {
    await supervisor.stop()
    await supervisor.removeData()
    await database?.drop()
    rmSync(dataFolder, { recursive: true, force: true })
  }
  try {
    await supervisor.prepare()
    await supervisor.start()
  } catch (error) {
    await stop()
    throw new Error(`${String(error)}\n${lines.join('\n')}`)
  }
  return {
    supervisor,
    url: supervisor.url,
    databaseUrl: supervisor.databaseUrl,
    kill: (name) => killAndAwaitRestart(supervisor, name),
    output: () => lines.join('\n'),
    stop,
  }
}

async function killAndAwaitRestart(supervisor: Supervisor, name: string): Promise<void> {
  const pid = supervisor.processes().find((status) => status.name === name)?.pid
  if (pid === undefined) throw new Error(`${name} does not run`)
  const restarted = new Promise<void>((resolve) => {
    const listen = (restartedName: string) => {
      if (restartedName !== name) return
      supervisor.off('restart', listen)
      resolve()
    }
    supervisor.on('restart', listen)
  })
  process.kill(pid, 'SIGKILL')
  await restarted
}
