import { ConfigError } from 'hfquant'
import { UsageError } from '../output/failure.js'
import { readText } from '../read-text.js'

const HINT = 'Write one text per line; in a .jsonl file, a string or an object with "text".'

/** Says in a help what `readInputs` reads. */
export const FILE_HELP = 'texts, one per line, or .jsonl with strings or { "text" }; "-": standard input'

/**
 * The texts of a command: its arguments, or the lines of a file or of standard input, blank ones left out.
 *
 * @param file undefined for standard input, where no text is an argument
 * @throws UsageError TEXT_MISSING, OPTIONS_EXCLUSIVE; ConfigError TEXT_INVALID, TEXT_EMPTY; as `readText`.
 */
export async function readInputs(
  texts: readonly string[],
  file: string | undefined,
): Promise<readonly string[]> {
  if (texts.length > 0 && file !== undefined) {
    throw new UsageError('OPTIONS_EXCLUSIVE', 'texts are given as arguments and as a file', {
      field: 'file',
      hint: 'Leave out one of them.',
    })
  }
  if (texts.length > 0) return texts
  const isStream = file === undefined || file === '-'
  if (file === undefined && process.stdin.isTTY) {
    throw new UsageError('TEXT_MISSING', 'there is no text', {
      hint: 'Give texts as arguments or in a file, or send them to standard input.',
    })
  }
  const lines = linesOf(await readText(isStream ? undefined : file))
  const read = !isStream && file.endsWith('.jsonl') ? lines.map((line) => textIn(line, file)) : lines
  if (read.length > 0) return read.map(({ text }) => text)
  const name = isStream ? 'standard input' : file
  throw new ConfigError('TEXT_EMPTY', `${name} has no texts`, {
    file: isStream ? undefined : file,
    hint: HINT,
  })
}

interface Line {
  readonly text: string
  readonly number: number
}

const linesOf = (content: string): readonly Line[] =>
  content
    .split(/\r?\n/)
    .map((text, index) => ({ text, number: index + 1 }))
    .filter(({ text }) => text.trim() !== '')

function textIn({ text: json, number }: Line, file: string): Line {
  const value = parse(json) as string | { readonly text?: unknown } | null | undefined
  const text = typeof value === 'object' && value !== null ? value.text : value
  if (typeof text === 'string') return { text, number }
  throw new ConfigError('TEXT_INVALID', `line ${number} of ${file} holds no text`, {
    file,
    found: json,
    hint: HINT,
  })
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
