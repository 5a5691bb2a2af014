import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { golden } from './golden.fixture.js'

interface Changes {
  /** Fields of config.json. */
  readonly config?: object
  /** Contents of other files, as JSON. */
  readonly files?: Readonly<Record<string, unknown>>
}

/** A copy of an encoder's golden in a folder within `root`, with a tokenizer whose words are tokens from 5 on. */
export function encoderFolder(root: string, name: string, { config = {}, files = {} }: Changes = {}): string {
  const folder = mkdtempSync(join(root, `${name}-`))
  cpSync(golden(`architectures/${name}`), folder, { recursive: true })
  cpSync(golden('tokenizer/words/tokenizer.json'), join(folder, 'tokenizer.json'))
  const own = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
  for (const [file, content] of Object.entries({ ...files, 'config.json': { ...own, ...config } })) {
    writeFileSync(join(folder, file), JSON.stringify(content))
  }
  return folder
}
