#!/usr/bin/env node
// The installed command: installs what is missing and hands over to the TypeScript entry, as every other command does.
process.argv.splice(2, 0, 'cli/tabkeeper.ts')
await import('./launch.mjs')
