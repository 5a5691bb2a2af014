import type { SafetensorsErrorCode } from '../src/index.js'
import { rawFile } from './raw-file.js'

/** A file that must be refused, the code of the refusal and the header entry that the message must name. */
export interface HostileFile {
  readonly title: string
  readonly code: SafetensorsErrorCode
  readonly entry?: string
  readonly bytes: () => Uint8Array
}

const f32 = (start: number, end: number, shape: readonly number[] = [1]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [start, end],
})
const one = (dtype: string, shape: string, offsets: string) =>
  `{"w":{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}}`

const broken = (title: string, header: string, dataBytes = 4, entry?: string): HostileFile => ({
  title,
  code: 'SAFETENSORS_BAD_HEADER',
  ...(entry !== undefined && { entry }),
  bytes: () => rawFile(header, dataBytes),
})
const wrong = (
  title: string,
  code: SafetensorsErrorCode,
  header: string | object,
  dataBytes = 4,
): HostileFile => ({
  title,
  code,
  entry: 'w',
  bytes: () => rawFile(header, dataBytes),
})

export const hostileFiles: readonly HostileFile[] = [
  // Length of the file and of the header
  { title: 'an empty file', code: 'SAFETENSORS_TRUNCATED', bytes: () => new Uint8Array() },
  { title: 'a file of seven bytes', code: 'SAFETENSORS_TRUNCATED', bytes: () => new Uint8Array(7) },
  {
    title: 'a header of 100 MB and one byte',
    code: 'SAFETENSORS_HEADER_TOO_LARGE',
    bytes: () => rawFile('{}', 0, 100_000_001),
  },
  {
    title: 'a header of 2^64 - 1 bytes',
    code: 'SAFETENSORS_HEADER_TOO_LARGE',
    bytes: () => rawFile('{}', 0, 2n ** 64n - 1n),
  },
  {
    title: 'a header of 2^32 + 2 bytes, which 32-bit arithmetic takes for 2',
    code: 'SAFETENSORS_HEADER_TOO_LARGE',
    bytes: () => rawFile('{}', 0, 2n ** 32n + 2n),
  },
  {
    title: 'a header longer than the file',
    code: 'SAFETENSORS_TRUNCATED',
    bytes: () => rawFile('{}', 0, 3),
  },
  {
    title: 'data cut short by one byte',
    code: 'SAFETENSORS_TRUNCATED',
    entry: 'w',
    bytes: () => rawFile({ v: f32(0, 4), w: f32(4, 8) }, 7),
  },
  {
    title: 'one byte after the data',
    code: 'SAFETENSORS_TRAILING_BYTES',
    bytes: () => rawFile({ w: f32(0, 4) }, 5),
  },

  // JSON
  broken('no header at all', ''),
  broken('a header that is a list', '[]'),
  broken('a header that is null', 'null'),
  broken('a header that does not begin with a brace', ' {}'),
  broken('a byte order mark before the brace', '\ufeff{}'),
  broken('a header that ends too early', '{"w":{"dtype":"F32"', 4, 'w'),
  broken('text after the object', '{} {}'),
  broken('a comma too many', '{"w":{"dtype":"F32","shape":[1,],"data_offsets":[0,4]}}', 4, 'w'),
  broken('a raw line break inside a name', '{"w\n":0}'),
  broken('half a surrogate pair in a name', '{"\\ud800":0}'),
  broken('an unknown escape', '{"\\x":0}'),
  broken('nesting a million deep', `{"w":{"extra":${'['.repeat(1_000_000)}`, 4, 'w'),
  {
    title: 'a header that is not UTF-8',
    code: 'SAFETENSORS_BAD_HEADER',
    bytes: () => Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0xff, 0x7d),
  },

  // Entries
  broken('an entry that is no object', '{"w":7}', 4, 'w'),
  broken('an entry without dtype', '{"w":{"shape":[1],"data_offsets":[0,4]}}', 4, 'w'),
  broken('an entry without shape', '{"w":{"dtype":"F32","data_offsets":[0,4]}}', 4, 'w'),
  broken('an entry without offsets', '{"w":{"dtype":"F32","shape":[1]}}', 4, 'w'),
  broken('one offset', one('F32', '[1]', '[0]'), 4, 'w'),
  broken('three offsets', one('F32', '[1]', '[0,4,8]'), 4, 'w'),
  broken('a negative size', one('F32', '[-1]', '[0,4]'), 4, 'w'),
  broken('a fractional size', one('F32', '[1.0]', '[0,4]'), 4, 'w'),
  broken('a size with an exponent', one('F32', '[1e0]', '[0,4]'), 4, 'w'),
  broken('a size as text', one('F32', '["1"]', '[0,4]'), 4, 'w'),
  broken('a shape that is an object', one('F32', '{}', '[0,4]'), 4, 'w'),
  broken('a dtype that is a number', '{"w":{"dtype":3,"shape":[1],"data_offsets":[0,4]}}', 4, 'w'),
  wrong('an unknown dtype', 'SAFETENSORS_UNKNOWN_DTYPE', one('F33', '[1]', '[0,4]')),
  wrong('a dtype from the prototype', 'SAFETENSORS_UNKNOWN_DTYPE', one('constructor', '[1]', '[0,4]')),

  // Duplicate keys
  wrong(
    'a tensor listed twice',
    'SAFETENSORS_DUPLICATE_KEY',
    `${one('F32', '[1]', '[0,4]').slice(0, -1)},${one('I32', '[1]', '[0,4]').slice(1)}`,
  ),
  wrong(
    'a tensor listed twice, once escaped',
    'SAFETENSORS_DUPLICATE_KEY',
    `${one('F32', '[1]', '[0,4]').slice(0, -1)},"\\u0077":0}`,
  ),
  wrong(
    'a dtype given twice',
    'SAFETENSORS_DUPLICATE_KEY',
    '{"w":{"dtype":"F32","dtype":"I32","shape":[1],"data_offsets":[0,4]}}',
  ),
  wrong(
    'duplicate keys in a part of an entry that is passed over',
    'SAFETENSORS_DUPLICATE_KEY',
    '{"w":{"extra":{"a":1,"a":2},"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
  ),
  {
    title: 'metadata given twice',
    code: 'SAFETENSORS_DUPLICATE_KEY',
    entry: '__metadata__',
    bytes: () => rawFile('{"__metadata__":{},"__metadata__":{}}'),
  },
  {
    title: 'one metadata key given twice',
    code: 'SAFETENSORS_DUPLICATE_KEY',
    entry: '__metadata__',
    bytes: () => rawFile('{"__metadata__":{"a":"1","a":"2"}}'),
  },

  // Metadata
  {
    title: 'metadata with a number',
    code: 'SAFETENSORS_BAD_METADATA',
    entry: '__metadata__',
    bytes: () => rawFile('{"__metadata__":{"step":7}}'),
  },
  {
    title: 'metadata that is a list',
    code: 'SAFETENSORS_BAD_METADATA',
    entry: '__metadata__',
    bytes: () => rawFile('{"__metadata__":[]}'),
  },

  // Sizes and offsets
  wrong('a size that disagrees with the shape', 'SAFETENSORS_SIZE_MISMATCH', { w: f32(0, 4, [2]) }),
  wrong('a size that disagrees with the dtype', 'SAFETENSORS_SIZE_MISMATCH', one('F64', '[1]', '[0,4]')),
  wrong(
    'three F4, which fill one byte and a half',
    'SAFETENSORS_SIZE_MISMATCH',
    one('F4', '[3]', '[0,2]'),
    2,
  ),
  wrong(
    'two F6, which fill one byte and a half',
    'SAFETENSORS_SIZE_MISMATCH',
    one('F6_E2M3', '[2]', '[0,2]'),
    2,
  ),
  wrong(
    'a shape of 2^54 elements',
    'SAFETENSORS_SHAPE_OVERFLOW',
    one('U8', '[134217728,134217728]', '[0,4]'),
  ),
  wrong('a product of 2^64, which 64-bit arithmetic takes for 0', 'SAFETENSORS_SHAPE_OVERFLOW', {
    w: f32(0, 0, [2 ** 32, 2 ** 32]),
  }),
  wrong('an overflow that a later 0 hides', 'SAFETENSORS_SHAPE_OVERFLOW', {
    w: f32(0, 0, [2 ** 32, 2 ** 32, 0]),
  }),
  wrong('a size of 400 digits', 'SAFETENSORS_SHAPE_OVERFLOW', one('U8', `[${'9'.repeat(400)}]`, '[0,4]')),
  wrong(
    'elements that count, in bytes that do not',
    'SAFETENSORS_SHAPE_OVERFLOW',
    one('F64', '[9007199254740991]', '[0,4]'),
  ),
  wrong('offsets in the wrong order', 'SAFETENSORS_OFFSET_OUT_OF_RANGE', one('F32', '[1]', '[4,0]')),
  wrong(
    'an offset beyond the exact numbers',
    'SAFETENSORS_OFFSET_OUT_OF_RANGE',
    one('F32', '[1]', '[0,18446744073709551616]'),
  ),
  wrong(
    'a tensor that begins after the end',
    'SAFETENSORS_OFFSET_OUT_OF_RANGE',
    { v: f32(0, 4), w: f32(100, 104) },
    8,
  ),
  wrong('two tensors on the same bytes', 'SAFETENSORS_OVERLAP', { v: f32(0, 4), w: f32(0, 4) }),
  wrong('tensors that overlap by two bytes', 'SAFETENSORS_OVERLAP', { v: f32(0, 4), w: f32(2, 6) }, 6),
  wrong('a hole before the first tensor', 'SAFETENSORS_HOLE', { w: f32(4, 8) }, 8),
  wrong('a hole between two tensors', 'SAFETENSORS_HOLE', { v: f32(0, 4), w: f32(5, 9) }, 9),
]
