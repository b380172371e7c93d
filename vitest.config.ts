import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

// Two files at once even on two processors, because most of them wait for half of their time. On many processors not one
// for each: a file opens up to thirty connections, and the server of the tests takes two hundred.
const FILES_AT_ONCE = Math.min(4, Math.max(2, availableParallelism() - 1))

const WITH_POSTGRES = { globalSetup: ['test/support/postgres-server.ts'], hookTimeout: 120_000 }

export default defineConfig({
  test: {
    pool: 'forks',
    passWithNoTests: true,
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          maxWorkers: FILES_AT_ONCE,
          // A bound for a busy machine; what is awaited comes within moments.
          expect: { poll: { timeout: 20_000, interval: 20 } },
          // Projects of another number of workers run before or after, not beside.
          sequence: { groupOrder: 1 },
          testTimeout: 120_000,
          ...WITH_POSTGRES,
        },
      },
      // Each of these starts the whole service: one at a time, so that they do not wait for each other's processor.
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 300_000,
          ...WITH_POSTGRES,
        },
      },
      {
        test: {
          name: 'faults',
          include: ['test/faults/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 300_000,
          ...WITH_POSTGRES,
        },
      },
    ],
  },
})
