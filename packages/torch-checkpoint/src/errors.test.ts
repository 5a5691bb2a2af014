import { expect, it } from 'vitest'
import { withFile } from '../attacks/temporary-file.js'
import { openTorchFile, TorchCheckpointError } from './index.js'

it('is recognised across copies of the package, by its family', () => {
  const key = Symbol.for('hfquant.error.family')

  expect(TorchCheckpointError.isInstance({ [key]: 'hfquant.checkpoint.torch' })).toBe(true)
  for (const other of [{ [key]: 'hfquant.checkpoint' }, new Error('other'), undefined, null, 'text']) {
    expect(TorchCheckpointError.isInstance(other)).toBe(false)
  }
})

it('names the file that does not exist and says what to do', async () => {
  const error = await openTorchFile('no-such-folder/model.bin').catch((caught: unknown) => caught)

  expect(error).toBeInstanceOf(TorchCheckpointError)
  expect(error).toMatchObject({
    name: 'TorchCheckpointError',
    code: 'FILE_NOT_FOUND',
    file: 'no-such-folder/model.bin',
    message: 'no-such-folder/model.bin does not exist',
    hint: 'Check the path; the download may be incomplete.',
    cause: { code: 'ENOENT' },
    [Symbol.for('hfquant.error.family')]: 'hfquant.checkpoint.torch',
  })
})

it('refuses a folder in place of a file', async () => {
  await expect(openTorchFile('.')).rejects.toMatchObject({
    code: 'FILE_UNREADABLE',
    message: /not a regular file/,
  })
})

it.each([
  ['an empty file', '', /begins with ""/, /torch\.save/],
  ['another format', '{"weights": []}', /begins with "{\\"weights/, /torch\.save/],
  [
    'a pointer to the real file',
    'version https://git-lfs.github.com/spec/v1\n',
    /LFS pointer/,
    /git lfs pull/,
  ],
])('says what %s is', (_, content, message, hint) =>
  withFile(new TextEncoder().encode(content), async (path) => {
    await expect(openTorchFile(path)).rejects.toMatchObject({ code: 'FORMAT_UNKNOWN', message, hint })
  }),
)
