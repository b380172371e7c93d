import type { Reporter } from './play-scenario.ts'

const BAR_WIDTH = 40
/** Without a terminal a line is written whenever another tenth is done. */
const PLAIN_PARTS = 10

/** Reports to a stream: a bar that moves on a terminal, plain lines elsewhere. */
export function streamReporter(stream: NodeJS.WriteStream): Reporter & { line(text: string): void } {
  let bar = ''
  let partsDone = 0
  const draw = (text: string) => {
    bar = text
    stream.write(`\r${text}\u001B[K`)
  }
  // A line that comes in between goes above the bar.
  const line = (text: string) => {
    stream.write(bar === '' ? `${text}\n` : `\r\u001B[K${text}\n${bar}`)
  }
  return {
    line,
    step: (text) => {
      if (bar !== '') stream.write('\n')
      bar = ''
      line(`${text}…`)
    },
    progress: (done, total) => {
      if (stream.isTTY) return draw(progressBar(done, total))
      const parts = Math.floor((done / total) * PLAIN_PARTS)
      if (parts > partsDone) line(`  ${done} of ${total} events sent`)
      partsDone = parts
    },
  }
}

// For example `[######······] 50 % of 29,366 events`.
function progressBar(done: number, total: number): string {
  const filled = Math.floor((done / total) * BAR_WIDTH)
  const percent = String(Math.floor((done / total) * 100)).padStart(3)
  return `  [${'#'.repeat(filled)}${'·'.repeat(BAR_WIDTH - filled)}] ${percent} % of ${total.toLocaleString('en')} events`
}
