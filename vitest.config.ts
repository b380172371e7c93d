import { defineConfig } from 'vitest/config'

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
          testTimeout: 60_000,
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
