import { CheckpointError, type Dtype, type StoredTensor, type StoredWeight } from '@hfquant/core'

/** Facts and texts are short; a longer one is not read. */
const LONGEST_TEXT = 64

const HINT = 'The files are damaged, or belong to different models; take all of them from the same revision.'

/** The tensors of one layer, with errors that name them. */
export function storedTensors(path: string, stored: StoredWeight) {
  const nameOf = (key: string): string => stored.tensors.get(key)?.name ?? `${path}.${key}`
  const subject = (key: string) => ({
    module: path,
    tensor: nameOf(key),
    file: stored.tensors.get(key)?.file,
  })
  const wrong = (key: string, found: string, expected: string): CheckpointError => {
    const { file } = subject(key)
    const where = file === undefined ? '' : ` in ${file}`
    return new CheckpointError(
      'TENSOR_MISMATCH',
      `"${nameOf(key)}"${where} is ${found}, expected ${expected}`,
      { ...subject(key), found, expected, hint: HINT },
    )
  }

  const find = (key: string): StoredTensor => {
    const found = stored.tensors.get(key)
    if (found !== undefined) return found
    throw new CheckpointError('TENSOR_MISSING', `the checkpoint has no "${nameOf(key)}"`, {
      ...subject(key),
      hint: 'The download may be incomplete; layers of HQQ are saved as about twenty tensors each.',
    })
  }

  const expect = (key: string, dtypes: readonly Dtype[], shape: readonly number[]): void => {
    const found = find(key)
    const sameShape = found.shape.length === shape.length && found.shape.every((size, i) => size === shape[i])
    if (sameShape && dtypes.includes(found.dtype)) return
    throw wrong(
      key,
      `${found.dtype} [${found.shape.join(', ')}]`,
      `${dtypes.join(' or ')} [${shape.join(', ')}]`,
    )
  }

  return {
    trusted: stored.trusted ?? false,
    has: (key: string): boolean => stored.tensors.has(key),
    find,
    wrong,
    /** @throws CheckpointError TENSOR_MISMATCH unless dtype and shape are as expected. */
    expect,
    bytes: (key: string): Promise<Uint8Array> => stored.read(key),

    /** A short tensor of integers. */
    async integers(key: string, shape: readonly number[]): Promise<readonly number[]> {
      expect(key, ['int32', 'int64'], shape)
      const bytes = (await stored.read(key)).slice()
      return find(key).dtype === 'int64'
        ? Array.from(new BigInt64Array(bytes.buffer), Number)
        : Array.from(new Int32Array(bytes.buffer))
    },

    /** A text, stored as its character codes. */
    async text(key: string): Promise<string> {
      const { dtype, shape } = find(key)
      const [length = 0] = shape
      if (dtype !== 'uint8' || shape.length !== 1 || length > LONGEST_TEXT) {
        throw wrong(key, `${dtype} [${shape.join(', ')}]`, `uint8 with at most ${LONGEST_TEXT} characters`)
      }
      return new TextDecoder('latin1').decode(await stored.read(key))
    },

    /** @throws CheckpointError TENSOR_MISMATCH unless a fact says what something else says as well. */
    agree(key: string, found: unknown, expected: unknown): void {
      const [said, wanted] = [JSON.stringify(found), JSON.stringify(expected)]
      if (said !== wanted) throw wrong(key, said, wanted)
    },

    /** @throws CheckpointError NESTED_QUANTIZATION if the layer has one of these tensors. */
    refuse(keys: readonly string[], reason: string): void {
      const present = keys.find((key) => stored.tensors.has(key))
      if (present === undefined) return
      throw new CheckpointError('NESTED_QUANTIZATION', `"${nameOf(present)}" is present: ${reason}`, {
        ...subject(present),
        hint: 'Quantize the float model again; no current release of the library writes such files.',
      })
    },

    notFinite: (key: string, value: number, at: number): CheckpointError =>
      new CheckpointError(
        'TENSOR_NOT_FINITE',
        `"${nameOf(key)}" holds ${value} at element ${at}, expected finite values`,
        { ...subject(key), found: value, hint: 'The file is damaged; download it again.' },
      ),
  }
}
