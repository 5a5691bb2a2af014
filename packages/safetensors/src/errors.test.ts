import { expect, it } from 'vitest'
import { openSafetensors, SafetensorsError } from './index.js'

it('is recognised across copies of the package, by its family', () => {
  const copy = { [Symbol.for('hfquant.error.family')]: 'hfquant.checkpoint.safetensors' }

  expect(SafetensorsError.isInstance(copy)).toBe(true)
  expect(SafetensorsError.isInstance({ [Symbol.for('hfquant.error.family')]: 'hfquant.checkpoint' })).toBe(
    false,
  )
  for (const other of [new Error('other'), undefined, null, 'text']) {
    expect(SafetensorsError.isInstance(other)).toBe(false)
  }
})

it('names the file that does not exist and says what to do', async () => {
  const error = await openSafetensors('no-such-folder/model.safetensors').catch((caught: unknown) => caught)

  expect(error).toBeInstanceOf(SafetensorsError)
  expect(error).toMatchObject({
    name: 'SafetensorsError',
    code: 'FILE_NOT_FOUND',
    file: 'no-such-folder/model.safetensors',
    message: 'no-such-folder/model.safetensors does not exist',
    hint: 'Check the path; the download may be incomplete.',
    cause: { code: 'ENOENT' },
    [Symbol.for('hfquant.error.family')]: 'hfquant.checkpoint.safetensors',
  })
})

it('refuses a folder in place of a file', async () => {
  await expect(openSafetensors('.')).rejects.toMatchObject({
    code: 'FILE_UNREADABLE',
    message: /not a regular file/,
  })
})
