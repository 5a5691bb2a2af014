import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { ConfigError } from 'hfquant'

/**
 * The text of a file, or of standard input, without a byte order mark.
 *
 * @param file undefined for standard input
 * @throws ConfigError TEXT_UNREADABLE; TEXT_ENCODING for bytes that are no UTF-8, which would be read as other characters.
 */
export async function readText(file: string | undefined): Promise<string> {
  const bytes =
    file === undefined ? await buffer(process.stdin) : await readFile(file).catch(unreadable(file))
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new ConfigError('TEXT_ENCODING', `${file ?? 'standard input'} is no text in UTF-8`, {
      file,
      cause,
      expected: 'UTF-8',
      hint: 'Give a text file, and convert one of another encoding: iconv -f LATIN1 -t UTF-8.',
    })
  }
}

const unreadable = (file: string) => (cause: NodeJS.ErrnoException) => {
  throw new ConfigError('TEXT_UNREADABLE', `the text file ${file} cannot be read (${cause.code})`, {
    file,
    cause,
    hint: 'Give the path of a text file.',
  })
}
