import { Writable } from 'node:stream'
import type { WriteStream } from 'node:tty'
import { describe, expect, it } from 'vitest'
import { printText } from './print.js'
import { createTerminal } from './terminal.js'

/** A stream that keeps what is written to it. */
function record(properties: Partial<WriteStream>): { readonly stream: WriteStream; text(): string } {
  let text = ''
  const stream = new Writable({
    write(chunk, _, done) {
      text += chunk
      done()
    },
  })
  return { stream: Object.assign(stream, properties) as unknown as WriteStream, text: () => text }
}

/** To the start of the line, which is emptied. */
const CLEAR = '\r\x1b[2K'

const half = {
  stage: 'quantize',
  tensor: 'lm_head.weight',
  done: 1,
  total: 4,
  doneBytes: 50,
  totalBytes: 100,
}
const whole = { ...half, done: 4, doneBytes: 100 }

describe('on a terminal', () => {
  it('a bar shows the share of the bytes, and is taken away before a line is printed', () => {
    const { stream, text } = record({ isTTY: true, columns: 80 })
    const terminal = createTerminal(stream)
    terminal.progress(half)
    expect(text()).toMatch(/quantize █{12}░{12} +50% lm_head\.weight$/)
    terminal.line('warning: lukewarm')
    expect(text().endsWith(`${CLEAR}warning: lukewarm\n`)).toBe(true)
  })

  it('a bar is not wider than the terminal', () => {
    const { stream, text } = record({ isTTY: true, columns: 20 })
    createTerminal(stream).progress(half)
    expect(text().replace(CLEAR, '')).toHaveLength(19)
  })
})

describe('in a log', () => {
  it('there are plain lines, and one at the end of a stage', () => {
    const { stream, text } = record({ isTTY: false })
    const terminal = createTerminal(stream)
    for (const event of [half, half, whole, whole]) terminal.progress(event)
    terminal.clear()
    expect(text()).toBe('quantize 100% lm_head.weight\n')
  })

  it('what has no bytes is counted', () => {
    const { stream, text } = record({ isTTY: false })
    createTerminal(stream).progress({ ...whole, stage: 'evaluate', totalBytes: 0 })
    expect(text()).toMatch(/^evaluate 100%/)
  })
})

const HOSTILE = '\x1b[2J\x1b]0;owned\x07\nINFO: all is well\x9b'

describe('names and texts from files', () => {
  it.each([true, false])('are shown, not obeyed (on a terminal: %s)', (isTTY) => {
    const { stream, text } = record({ isTTY, columns: 200 })
    const terminal = createTerminal(stream)
    terminal.line(`warning: ${HOSTILE}`)
    terminal.progress({ ...whole, tensor: HOSTILE })
    const shown = text().replaceAll(CLEAR, '')
    expect(shown).not.toMatch(/[^\P{Cc}\n]/u)
    expect(shown.split('\n')[0]).toBe('warning: \\u001b[2J\\u001b]0;owned\\u0007\\nINFO: all is well\\u009b')
  })

  it('of a model that writes to a terminal keep nothing but line breaks, and are left alone for a program', () => {
    const terminal = record({ isTTY: true })
    printText(`one\n\ttwo ${HOSTILE}`, terminal.stream)
    expect(terminal.text()).toBe('one\n\ttwo \\u001b[2J\\u001b]0;owned\\u0007\nINFO: all is well\\u009b')
    const pipe = record({ isTTY: false })
    printText(HOSTILE, pipe.stream)
    expect(pipe.text()).toBe(HOSTILE)
  })
})
