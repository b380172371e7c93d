import { readdirSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { getPriority, setPriority } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import type { Pool } from 'pg'
import { commandLine, statFields } from '../db/embedded/process-table.ts'

// A third of the usual share where there is too little for all. With a tenth, usage would show late while much comes in.
const PRIORITY = 5

/**
 * Lets whatever somebody waits for go first where processors are short: all threads of this process, and those server
 * processes of a Postgres on this machine that work for it, run at a lower priority. Where the system does not allow or
 * know it, nothing changes.
 */
export function giveWay(pool: Pool): void {
  for (const thread of ownThreads()) lowerThread(thread)
  if (leadsSession()) void lowerGroup(process.pid)
  // Elsewhere nothing is gained, and asking for a title starts a process.
  if (process.platform !== 'linux') return
  // The type of the driver does not tell of these two.
  pool.on('connect', (client) => void lowerBackend(client as unknown as ConnectedClient))
}

interface ConnectedClient {
  readonly processID: number
  readonly connection: { readonly stream: Socket }
}

// On Linux a priority is a thread's: those that collect garbage exist already and would keep theirs.
function ownThreads(): readonly number[] {
  try {
    return readdirSync('/proc/self/task').map(Number)
  } catch {
    return [process.pid]
  }
}

function lowerThread(thread: number): void {
  try {
    if (getPriority(thread) < PRIORITY) setPriority(thread, PRIORITY)
  } catch {
    // It has ended meanwhile.
  }
}

// Linux schedules sessions against each other, and priorities only inside of one. That of another leader is not ours alone.
function leadsSession(): boolean {
  const [, , , session] = statFields(process.pid) ?? []
  return Number(session) === process.pid
}

// Each server process of Postgres leads a session of its own. Its title names the port that it answers, so that a process
// with the same number on another machine is not taken for it.
async function lowerBackend({ processID, connection }: ConnectedClient): Promise<void> {
  const title = commandLine(processID)?.[0] ?? ''
  if (title.startsWith('postgres:') && title.includes(`(${connection.stream.localPort})`)) await lowerGroup(processID)
}

const MOST_ATTEMPTS = 50
const ATTEMPT_MS = 100

// The kernel takes ten changes a second, of all processes together.
async function lowerGroup(pid: number): Promise<void> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    try {
      await writeFile(`/proc/${pid}/autogroup`, String(PRIORITY))
      return
    } catch (error) {
      if ((error as { code?: string }).code !== 'EAGAIN') return
      await pause(ATTEMPT_MS * (1 + Math.random()), undefined, { ref: false })
    }
  }
}
