import { CheckpointError, E2M1_VALUES, FLOAT8_VALUES, readCodeRow, unpackStream } from '@hfquant/core'
import { type Codes, WEIGHT } from './layout.js'

/** Where codes come from. */
interface CodeSource {
  readonly codes: Codes
  readonly path: string
  readonly inFeatures: number
  /** Bytes of the rows, the first of which has this index within the weight. */
  readonly bytes: Uint8Array
  readonly first: number
}

/** Writes the codes of a row as numbers, the values of small floats or signed integers; `row` counts within the source. */
export type RowReader = (row: number, out: Float32Array | Int8Array) => void

export function rowReader(source: CodeSource): RowReader {
  switch (source.codes.kind) {
    case 'packed':
      return packedRows(source, source.codes.bits)
    case 'int8':
      return int8Rows(source, source.codes.bits)
    case 'e4m3':
      return e4m3Rows(source)
    case 'e2m1':
      return e2m1Rows(source)
  }
}

function packedRows({ bytes, inFeatures }: CodeSource, bits: number): RowReader {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
  const width = Math.ceil((inFeatures * bits) / 32)
  const middle = 2 ** (bits - 1)
  return (row, out) => {
    const codes = unpackStream(words.subarray(row * width, (row + 1) * width), bits, inFeatures)
    for (let column = 0; column < inFeatures; column++) out[column] = codes[column]! - middle
  }
}

/** @throws CheckpointError CODE_OUT_OF_RANGE for a code beyond its width. */
function int8Rows({ bytes, inFeatures, path, first }: CodeSource, bits: number): RowReader {
  const all = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const limit = 2 ** (bits - 1)
  return (row, out) => {
    const codes = all.subarray(row * inFeatures, (row + 1) * inFeatures)
    if (bits < 8) {
      const at = codes.findIndex((code) => code < -limit || code >= limit)
      if (at >= 0) throw outOfRange(`${path}.${WEIGHT}`, codes[at]!, [first + row, at], bits)
    }
    out.set(codes)
  }
}

const e4m3Rows =
  ({ bytes, inFeatures, path, first }: CodeSource): RowReader =>
  (row, out) =>
    readCodeRow(bytes.subarray(row * inFeatures), FLOAT8_VALUES.float8_e4m3fn, out, {
      tensor: `${path}.${WEIGHT}`,
      row: first + row,
    })

function e2m1Rows({ bytes, inFeatures }: CodeSource): RowReader {
  return (row, out) => {
    const start = (row * inFeatures) / 2
    for (let column = 0; column < inFeatures; column += 2) {
      const pair = bytes[start + column / 2]!
      out[column] = E2M1_VALUES[pair & 15]!
      out[column + 1] = E2M1_VALUES[pair >> 4]!
    }
  }
}

const outOfRange = (
  tensor: string,
  found: number,
  [row, column]: readonly [number, number],
  bits: number,
): CheckpointError =>
  new CheckpointError(
    'CODE_OUT_OF_RANGE',
    `"${tensor}" holds ${found} in row ${row}, column ${column}, expected a code of ${bits} bits`,
    {
      tensor,
      found,
      expected: `${-(2 ** (bits - 1))} to ${2 ** (bits - 1) - 1}`,
      hint: 'The file is damaged; download it again.',
    },
  )
