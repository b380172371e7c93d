import { runCommand } from './tabkeeper/run-command.ts'

process.exitCode = await runCommand(process.argv.slice(2), {
  environment: process.env,
  print: (line) => console.log(line),
  tell: (line) => console.error(line),
})
