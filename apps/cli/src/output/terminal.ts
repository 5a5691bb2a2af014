import type { WriteStream } from 'node:tty'
import { printable } from 'hfquant'

/** Progress of a stage; the library's events fit. */
export interface Progress {
  readonly stage: string
  /** What was just finished. */
  readonly tensor: string
  readonly done: number
  readonly total: number
  readonly doneBytes: number
  readonly totalBytes: number
}

/** Standard error: lines, and one progress bar below them if it is a terminal. */
export interface Terminal {
  /** Names from files may be in it: it stays one line, without control characters. */
  line(text: string): void
  progress(event: Progress): void
  /** Takes the bar away. */
  clear(): void
}

/** On a terminal a bar; elsewhere, in logs and pipes, a line now and then. */
export function createTerminal(stream: WriteStream): Terminal {
  const line = (text: string) => void stream.write(`${printable(text)}\n`)
  return stream.isTTY ? withBar(stream, line) : withLines(line)
}

/** More often is faster than anyone reads. */
const REDRAW_MILLISECONDS = 50
const BAR_CELLS = 24

function withBar(stream: WriteStream, write: (text: string) => void): Terminal {
  let drawn = Number.NEGATIVE_INFINITY
  const clear = () => {
    if (drawn > 0) stream.write('\r\x1b[2K')
    drawn = Number.NEGATIVE_INFINITY
  }
  return {
    clear,
    line(text) {
      clear()
      write(text)
    },
    progress(event) {
      const now = performance.now()
      if (now - drawn < REDRAW_MILLISECONDS) return
      drawn = now
      const share = shareOf(event)
      const full = Math.round(share * BAR_CELLS)
      const bar = '█'.repeat(full) + '░'.repeat(BAR_CELLS - full)
      const text = printable(`${event.stage} ${bar} ${percent(share)} ${event.tensor}`)
      stream.write(`\r\x1b[2K${text.slice(0, (stream.columns || 80) - 1)}`)
    },
  }
}

/** A log is read later: a line now and then, and one at the end of each stage. */
const LINE_MILLISECONDS = 2000

function withLines(line: (text: string) => void): Terminal {
  let last = { stage: '', share: 0, time: performance.now() }
  return {
    line,
    clear: () => {},
    progress(event) {
      const { stage } = event
      const share = shareOf(event)
      const time = performance.now()
      const isNewEnd = share >= 1 && !(last.stage === stage && last.share >= 1)
      if (!isNewEnd && (share >= 1 || time - last.time < LINE_MILLISECONDS)) return
      line(`${stage} ${percent(share)} ${event.tensor}`)
      last = { stage, share, time }
    },
  }
}

const percent = (share: number): string => `${Math.floor(share * 100)}%`.padStart(4)

function shareOf({ done, total, doneBytes, totalBytes }: Progress): number {
  if (totalBytes > 0) return doneBytes / totalBytes
  return total > 0 ? done / total : 1
}
