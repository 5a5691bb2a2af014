import { quote, quoteShape, SafetensorsError, type SafetensorsErrorCode } from '../errors.js'
import type { RawEntry } from './parse-entries.js'
import type { TensorEntry } from './tensor-entry.js'
import { elementCount, packedBytes } from './tensor-size.js'

/**
 * Checks that the tensors cover the data exactly, without overlap and hole, and that each size follows from shape
 * and dtype. Returns them in the order of the data, with positions in the file.
 *
 * @throws {@link SafetensorsError}
 */
export function placeEntries(
  entries: readonly RawEntry[],
  file: string,
  dataOffset: number,
  dataBytes: number,
): Map<string, TensorEntry> {
  const refuse = (code: SafetensorsErrorCode, { name }: RawEntry, problem: string): never => {
    throw new SafetensorsError(code, `${file}: tensor ${quote(name)} ${problem}`, { file, tensor: name })
  }
  const checkSize = (entry: RawEntry): void => {
    const { dtype, shape, start, end } = entry
    const described = () => `of dtype ${dtype} and shape ${quoteShape(shape)}`
    if (!(end <= Number.MAX_SAFE_INTEGER) || start > end) {
      refuse('SAFETENSORS_OFFSET_OUT_OF_RANGE', entry, `has the impossible data offsets [${start}, ${end}]`)
    }
    const elements = elementCount(shape)
    const bytes = elements === undefined ? Number.POSITIVE_INFINITY : packedBytes(dtype, elements)
    if (bytes === undefined) {
      refuse('SAFETENSORS_SIZE_MISMATCH', entry, `${described()} does not fill a whole number of bytes`)
    } else if (!Number.isFinite(bytes)) {
      refuse('SAFETENSORS_SHAPE_OVERFLOW', entry, `${described()} is larger than any file`)
    } else if (bytes !== end - start) {
      refuse(
        'SAFETENSORS_SIZE_MISMATCH',
        entry,
        `${described()} takes ${bytes} bytes, its offsets span ${end - start}`,
      )
    }
  }

  for (const entry of entries) checkSize(entry)
  const ordered = [...entries].sort((left, right) => left.start - right.start || left.end - right.end)
  const tensors = new Map<string, TensorEntry>()
  let covered = 0
  for (const entry of ordered) {
    const { name, dtype, shape, start, end } = entry
    if (start < covered) {
      refuse(
        'SAFETENSORS_OVERLAP',
        entry,
        `begins at data byte ${start}, the tensor before ends at ${covered}`,
      )
    }
    if (start > covered) {
      if (end > dataBytes) {
        refuse(
          'SAFETENSORS_OFFSET_OUT_OF_RANGE',
          entry,
          `ends at data byte ${end}, the data has ${dataBytes}`,
        )
      }
      refuse('SAFETENSORS_HOLE', entry, `begins at data byte ${start}, the tensor before ends at ${covered}`)
    }
    covered = end
    tensors.set(name, { name, dtype, shape, byteOffset: dataOffset + start, byteLength: end - start })
  }

  if (covered > dataBytes) {
    const cut = ordered.find((entry) => entry.end > dataBytes)!
    refuse(
      'SAFETENSORS_TRUNCATED',
      cut,
      `ends at data byte ${cut.end}, the file has only ${dataBytes} bytes of data`,
    )
  }
  if (covered < dataBytes) {
    throw new SafetensorsError(
      'SAFETENSORS_TRAILING_BYTES',
      `${file}: ${dataBytes - covered} bytes after the last tensor belong to none`,
      { file },
    )
  }
  return tensors
}
