import type { WriteStream } from 'node:tty'
import { escapeUnprintable, printable } from 'hfquant'

/** The one JSON document of a command, on standard output. Names from files reach no terminal as control characters. */
export function printJson(value: unknown): void {
  const lines = JSON.stringify(value, null, 2).split('\n')
  process.stdout.write(`${lines.map(escapeUnprintable).join('\n')}\n`)
}

export function printLines(lines: readonly string[]): void {
  process.stdout.write(`${lines.map(printable).join('\n')}\n`)
}

/** Text of a model. A terminal gets no controls but the breaks of lines; a file or another program gets the text as it is. */
export function printText(text: string, stream: Pick<WriteStream, 'isTTY' | 'write'> = process.stdout): void {
  stream.write(stream.isTTY ? text.replace(CONTROLS, escapeUnprintable) : text)
}

const CONTROLS = /[^\P{Cc}\t\n]/gu
