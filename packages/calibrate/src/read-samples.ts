import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { ConfigError, parseJsonValue } from '@hfquant/core/runtime'
import type { CalibrationData, CalibrationSample } from './calibration-data.js'

/** Characters of a paragraph at most: a file without line ends must not fill the memory. */
const MAX_TEXT_LENGTH = 2 ** 24

/** The samples of any source, one after the other. */
export async function* readSamples(data: CalibrationData): AsyncGenerator<CalibrationSample> {
  if (Symbol.asyncIterator in data || Array.isArray(data)) {
    yield* data as AsyncIterable<CalibrationSample> | readonly CalibrationSample[]
    return
  }
  const { file } = data as { readonly file: string }
  try {
    yield* file.toLowerCase().endsWith('.jsonl') ? readJsonLines(file) : readParagraphs(file)
  } catch (cause) {
    if (ConfigError.isInstance(cause)) throw cause
    throw new ConfigError(
      'CALIBRATION_FILE',
      `the calibration file ${file} cannot be read: ${(cause as Error).message}`,
      {
        file,
        field: 'dataset',
        hint: 'Name a text file, or a .jsonl file with a text per line.',
        cause,
      },
    )
  }
}

async function* readParagraphs(file: string): AsyncGenerator<string> {
  let lines: string[] = []
  let length = 0
  for await (const line of linesOf(file)) {
    length += line.length + 1
    if (line.trim() !== '' && length < MAX_TEXT_LENGTH) lines.push(line)
    else {
      if (line.trim() !== '') lines.push(line)
      if (lines.length > 0) yield lines.join('\n')
      lines = []
      length = 0
    }
  }
  if (lines.length > 0) yield lines.join('\n')
}

async function* readJsonLines(file: string): AsyncGenerator<string> {
  let number = 0
  for await (const line of linesOf(file)) {
    number += 1
    if (line.trim() === '') continue
    const text = textOf(line)
    if (text !== undefined) yield text
    else {
      throw new ConfigError(
        'CALIBRATION_FILE',
        `line ${number} of ${file} is neither a JSON string nor an object with a string "text"`,
        {
          file,
          field: 'dataset',
          found: line.slice(0, 80),
          expected: '{"text": "..."}',
          hint: 'Write one JSON value per line.',
        },
      )
    }
  }
}

function textOf(line: string): string | undefined {
  try {
    const value = parseJsonValue(line)
    const text = typeof value === 'string' ? value : (value as { text?: unknown } | null)?.text
    return typeof text === 'string' ? text : undefined
  } catch {
    return undefined
  }
}

const linesOf = (file: string): AsyncIterable<string> =>
  createInterface({ input: createReadStream(file, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY })
