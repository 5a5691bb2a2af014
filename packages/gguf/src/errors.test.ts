import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { withFolder } from '../attacks/raw-gguf.js'
import { GgufError, openGguf } from './index.js'

it('is recognised across copies of the package, by its family', () => {
  const key = Symbol.for('hfquant.error.family')

  expect(GgufError.isInstance({ [key]: 'hfquant.checkpoint.gguf' })).toBe(true)
  for (const other of [{ [key]: 'hfquant.checkpoint' }, new Error('other'), undefined, null, 'text']) {
    expect(GgufError.isInstance(other)).toBe(false)
  }
})

it('names the file that does not exist and says what to do', async () => {
  const error = await openGguf('no-such-folder/model.gguf').catch((caught: unknown) => caught)

  expect(error).toBeInstanceOf(GgufError)
  expect(error).toMatchObject({
    name: 'GgufError',
    code: 'FILE_NOT_FOUND',
    file: 'no-such-folder/model.gguf',
    message: 'no-such-folder/model.gguf does not exist',
    hint: 'Check the path; the download may be incomplete.',
    cause: { code: 'ENOENT' },
    [Symbol.for('hfquant.error.family')]: 'hfquant.checkpoint.gguf',
  })
})

it('refuses a folder in place of a file', async () => {
  await expect(openGguf('.')).rejects.toMatchObject({
    code: 'FILE_UNREADABLE',
    message: /not a regular file/,
  })
})

it.each([
  [
    'a pointer to the real file',
    'version https://git-lfs.github.com/spec/v1\n',
    /LFS pointer/,
    /git lfs pull/,
  ],
  ['a web page', '<!doctype html><p>Sign in', /web page/, /signed in/],
])('says that the file is %s', (_, content, message, hint) =>
  withFolder(async (folder) => {
    const path = join(folder, 'model.gguf')
    await writeFile(path, content)
    await expect(openGguf(path)).rejects.toMatchObject({ code: 'GGUF_STAND_IN', message, hint })
  }),
)
