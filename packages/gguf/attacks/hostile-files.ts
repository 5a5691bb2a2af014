import type { GgufErrorCode } from '../src/index.js'
import { info, joined, pair, type RawGguf, rawGguf, text, u32, u64 } from './raw-gguf.js'

/** A file that must be refused, and what the refusal must name. */
export interface HostileFile {
  readonly title: string
  readonly code: GgufErrorCode
  readonly key?: string
  readonly tensor?: string
  /** What was found and what was expected, as far as there is both. */
  readonly message: RegExp
  readonly bytes: () => Uint8Array
}

const hostile = (
  title: string,
  code: GgufErrorCode,
  message: RegExp,
  raw: RawGguf | Uint8Array,
  named: Pick<HostileFile, 'key' | 'tensor'> = {},
): HostileFile => ({
  title,
  code,
  message,
  bytes: () => (raw instanceof Uint8Array ? raw : rawGguf(raw)),
  ...named,
})

const [U8, U32, BOOL, STRING, ARRAY] = [0, 4, 7, 8, 9]
const [F32, Q4_0, Q4_K] = [0, 2, 12]
const notText = Uint8Array.of(0x61, 0xff)
const data = new Uint8Array(64)
const k = { key: 'k' }
const w = { tensor: 'w' }
const value = (title: string, code: GgufErrorCode, message: RegExp, type: number, ...bytes: Uint8Array[]) =>
  hostile(title, code, message, { pairs: [pair('k', type, ...bytes)] }, k)
const table = (title: string, code: GgufErrorCode, message: RegExp, ...infos: Uint8Array[]) =>
  hostile(title, code, message, { infos, data }, w)
const alignment = (title: string, type: number, stored: Uint8Array, message: RegExp) =>
  hostile(
    title,
    'GGUF_BAD_ALIGNMENT',
    message,
    { pairs: [pair('general.alignment', type, stored)] },
    { key: 'general.alignment' },
  )

export const hostileFiles: readonly HostileFile[] = [
  // The beginning
  hostile('an empty file', 'GGUF_TRUNCATED', /takes 4 bytes, the file has 0 more/, new Uint8Array()),
  hostile('the mark alone', 'GGUF_TRUNCATED', /the version at byte 4/, Buffer.from('GGUF')),
  hostile('another mark', 'GGUF_BAD_MAGIC', /47 47 4d 4c, expected "GGUF"/, { magic: 'GGML' }),
  hostile('version 1', 'GGUF_VERSION_UNSUPPORTED', /version 1 \(byte 4\), expected 2 or 3/, { version: 1 }),
  hostile('version 4', 'GGUF_VERSION_UNSUPPORTED', /version 4/, { version: 4 }),
  hostile('version 0', 'GGUF_VERSION_UNSUPPORTED', /version 0/, { version: 0 }),
  hostile('the other byte order', 'GGUF_BIG_ENDIAN', /big-endian/, { version: 0x03000000 }),
  hostile('2^64 - 1 tensors', 'GGUF_COUNT_IMPOSSIBLE', /18446744073709551615 tensors; .* may have 0/, {
    infoCount: 2n ** 64n - 1n,
  }),
  hostile('2^32 + 1 pairs, which 32-bit arithmetic takes for 1', 'GGUF_COUNT_IMPOSSIBLE', /4294967297/, {
    pairs: [pair('k', U8, Uint8Array.of(1))],
    pairCount: 2n ** 32n + 1n,
  }),

  // Keys
  hostile('a key longer than the file', 'GGUF_TRUNCATED', /key 0 of the metadata .* takes 1000/, {
    pairs: [joined(u64(1000), new Uint8Array(12))],
  }),
  hostile('a key of 2^64 - 1 bytes', 'GGUF_TRUNCATED', /takes 18446744073709551615 bytes/, {
    pairs: [joined(u64(2n ** 64n - 1n), new Uint8Array(12))],
  }),
  hostile('an empty key', 'GGUF_BAD_KEY', /has 0 bytes/, { pairs: [pair('', U8, Uint8Array.of(1))] }),
  hostile('a key of 65,536 bytes', 'GGUF_BAD_KEY', /has 65536 bytes, expected 1 to 65535/, {
    pairs: [pair('k'.repeat(65_536), U8, Uint8Array.of(1))],
  }),
  hostile('a key that is no UTF-8', 'GGUF_BAD_TEXT', /key 0 .* no UTF-8/, {
    pairs: [pair(notText, U8, Uint8Array.of(1))],
  }),
  hostile(
    'a key twice',
    'GGUF_DUPLICATE_KEY',
    /"k" appears twice, again at byte 38/,
    { pairs: [pair('k', U8, Uint8Array.of(1)), pair('k', U8, Uint8Array.of(2))] },
    k,
  ),

  // Values
  value('type 13', 'GGUF_BAD_VALUE', /type 13 at byte 33, expected 0 to 12/, 13, new Uint8Array(8)),
  value('an array of type 13', 'GGUF_BAD_VALUE', /type 13/, ARRAY, u32(13), u64(0)),
  value('the boolean 2', 'GGUF_BAD_VALUE', /boolean 2 at byte 37, expected 0 or 1/, BOOL, Uint8Array.of(2)),
  value('a boolean 3 in an array', 'GGUF_BAD_VALUE', /boolean 3/, ARRAY, u32(BOOL), u64(2), Buffer.of(1, 3)),
  value('a text that is no UTF-8', 'GGUF_BAD_TEXT', /value of "k" .* no UTF-8/, STRING, text(notText)),
  value('a text beyond the file', 'GGUF_TRUNCATED', /takes 99 bytes/, STRING, u64(99)),
  value('an array of arrays', 'GGUF_NESTED_ARRAY', /array of arrays/, ARRAY, u32(ARRAY), u64(1)),
  value(
    'arrays in arrays, a hundred thousand deep',
    'GGUF_NESTED_ARRAY',
    /array of arrays/,
    ARRAY,
    Buffer.concat(Array.from({ length: 100_000 }, () => joined(u32(ARRAY), u64(1)))),
  ),
  value('more numbers than bytes', 'GGUF_TRUNCATED', /takes 4000 bytes/, ARRAY, u32(U32), u64(1000)),
  value(
    '2^62 numbers, whose bytes are 0 in 64 bits',
    'GGUF_TRUNCATED',
    /takes 18446744073709551616 bytes/,
    ARRAY,
    u32(U32),
    u64(2n ** 62n),
  ),
  value('2^61 strings', 'GGUF_TRUNCATED', /takes 18446744073709551616/, ARRAY, u32(STRING), u64(2n ** 61n)),
  value(
    'a string of an array that reaches beyond the file',
    'GGUF_TRUNCATED',
    /takes 50 bytes/,
    ARRAY,
    u32(STRING),
    u64(1),
    u64(50),
  ),

  // Alignment
  alignment('alignment 0', U32, u32(0), /is 0, expected a power of two/),
  alignment('alignment 48', U32, u32(48), /is 48, expected a power of two/),
  alignment('alignment as text', STRING, text('32'), /of type string, expected u32/),

  // The table of tensors
  hostile('a name that is no UTF-8', 'GGUF_BAD_TEXT', /name 0 of the table/, {
    infos: [info(notText, F32, [1])],
  }),
  hostile('a tensor without name', 'GGUF_BAD_NAME', /has 0 bytes/, { infos: [info('', F32, [1])] }),
  table(
    'a name twice',
    'GGUF_DUPLICATE_TENSOR',
    /"w" appears twice, again at byte 57/,
    info('w', F32, [1]),
    info('w', F32, [1], 32),
  ),
  table(
    'five dimensions',
    'GGUF_BAD_SHAPE',
    /has 5 dimensions at byte 33, expected at most 4/,
    info('w', F32, [1, 1, 1, 1, 1]),
  ),
  table(
    '2^32 - 1 dimensions',
    'GGUF_BAD_SHAPE',
    /has 4294967295/,
    joined(text('w'), u32(2 ** 32 - 1), u64(1), u64(1)),
  ),
  table(
    'a type that is not read',
    'GGUF_TYPE_UNSUPPORTED',
    /IQ2_XXS; types that are read: F32,/,
    info('w', 16, [256]),
  ),
  table('a type that was removed', 'GGUF_TYPE_UNSUPPORTED', /Q4_0_4_4 \(removed\)/, info('w', 31, [32])),
  table(
    'a type that nobody knows',
    'GGUF_TYPE_UNSUPPORTED',
    /number 4294967295/,
    info('w', 2 ** 32 - 1, [32]),
  ),
  table(
    'a row of half a block',
    'GGUF_ROW_NOT_WHOLE_BLOCKS',
    /\[2, 16\] .* blocks of 32/,
    info('w', Q4_0, [2, 16]),
  ),
  table('a scalar of blocks', 'GGUF_ROW_NOT_WHOLE_BLOCKS', /blocks of 256/, info('w', Q4_K, [])),
  table(
    '2^64 elements, 0 in 64 bits',
    'GGUF_SHAPE_OVERFLOW',
    /larger than any file/,
    info('w', F32, [2n ** 32n, 2n ** 32n]),
  ),
  table(
    '2^62 elements, whose bytes are 0 in 64 bits',
    'GGUF_SHAPE_OVERFLOW',
    /larger/,
    info('w', F32, [2n ** 62n]),
  ),
  table(
    'a 0 beside sizes that overflow',
    'GGUF_SHAPE_OVERFLOW',
    /larger/,
    info('w', F32, [2n ** 63n, 2n ** 63n, 0]),
  ),
  table(
    'more data than the file has',
    'GGUF_OFFSET_OUT_OF_RANGE',
    /0 to 68; the file has 64 of them, from byte 64 on/,
    info('w', F32, [17]),
  ),
  table('an offset beyond the file', 'GGUF_OFFSET_OUT_OF_RANGE', /96 to 100/, info('w', F32, [1], 96)),
  table(
    'an offset of 2^64 - 32',
    'GGUF_OFFSET_OUT_OF_RANGE',
    /18446744073709551584/,
    info('w', F32, [8], 2n ** 64n - 32n),
  ),
  table(
    'an offset between',
    'GGUF_OFFSET_MISALIGNED',
    /data byte 4, expected a multiple of 32/,
    info('w', F32, [1], 4),
  ),
  table(
    'two tensors in one place',
    'GGUF_OVERLAP',
    /begins at byte \d+, tensor "v" ends at/,
    info('v', F32, [9]),
    info('w', F32, [1], 32),
  ),
  hostile(
    'a table cut short',
    'GGUF_TRUNCATED',
    /description of tensor "w" .* takes 8 bytes, the file has 4 more/,
    {
      infos: [info('w', F32, [1, 1]).subarray(0, 25)],
      alignment: 1,
    },
    w,
  ),
]
