import { readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { liesIn, OutputError } from '@hfquant/core/runtime'
import type { OpenedModel } from '../auto/open/open-model.js'

/**
 * An export must not take the place of what it reads, by whatever name or link.
 *
 * @param out the file or folder to write
 * @throws OutputError OUTPUT_IS_INPUT for a file of the model, for its folder, and for a folder around it.
 */
export async function refuseInput({ folder, checkpoint }: OpenedModel, out: string): Promise<void> {
  const found = await stat(out).catch(() => undefined)
  if (found === undefined) return
  for (const own of new Set([folder, checkpoint.folder])) {
    if (found.isDirectory() && (await isWithin(own, out))) throw isInput(out, 'holds the model')
    for (const name of await readdir(own)) {
      if (name.endsWith('.gguf')) continue
      const file = await stat(join(own, name)).catch(() => undefined)
      const isSame = file?.isFile() && file.ino === found.ino && file.dev === found.dev
      if (isSame) throw isInput(out, `is ${name} of the model`)
    }
  }
}

const isWithin = async (folder: string, out: string): Promise<boolean> =>
  liesIn(await realpath(folder), await realpath(out))

const isInput = (out: string, what: string): OutputError =>
  new OutputError('OUTPUT_IS_INPUT', `${out} ${what} that is exported`, {
    file: out,
    hint: 'Choose another place for the exported model.',
  })
