import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The demo tokenizer (byte-level BPE, 1024 tokens) and what Python makes of it. */
export const goldens = fileURLToPath(new URL('../../../../goldens/tokenizer/', import.meta.url))

/** The parsed JSON of a golden file. */
export async function readGolden<T>(name: string): Promise<T> {
  return JSON.parse(await readFile(join(goldens, name), 'utf8')) as T
}

/** Runs `use` with a temporary folder that holds the given files; objects are written as JSON. */
export async function withFolder<T>(
  files: { readonly [name: string]: string | object },
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'tokenizer-'))
  try {
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true })
      await writeFile(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))
    }
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}
