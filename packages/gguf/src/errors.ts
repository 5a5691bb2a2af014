const family: unique symbol = Symbol.for('hfquant.error.family')

/** What can be wrong, one code per kind; each has a default hint in {@link hints}. */
export type GgufErrorCode = keyof typeof hints

const FETCH_AGAIN = 'The file is damaged or cut short; fetch it again.'
const DO_NOT_TRUST = 'No program that writes GGUF does this; do not trust the file.'

/** The next step for whoever meets the error, used when the place that throws knows nothing better. */
const hints = {
  FILE_NOT_FOUND: 'Check the path; the download may be incomplete.',
  FILE_UNREADABLE: 'Check that the path is a regular file and may be read.',
  GGUF_STAND_IN: 'Fetch the file itself.',
  GGUF_BAD_MAGIC: 'Expected a GGUF file, which begins with "GGUF"; check that the download is complete.',
  GGUF_BIG_ENDIAN: 'Convert the model again on a little-endian machine.',
  GGUF_VERSION_UNSUPPORTED: 'Versions 2 and 3 are read; convert the model again with a current llama.cpp.',
  GGUF_TRUNCATED: FETCH_AGAIN,
  GGUF_HEADER_TOO_LARGE: 'No real model needs such a header; do not trust the file.',
  GGUF_COUNT_IMPOSSIBLE: DO_NOT_TRUST,
  GGUF_BAD_KEY: DO_NOT_TRUST,
  GGUF_BAD_NAME: DO_NOT_TRUST,
  GGUF_BAD_TEXT: 'Names, keys and texts are UTF-8; the file is damaged or comes from a faulty program.',
  GGUF_BAD_VALUE: 'The file is damaged or needs a newer version of this package; fetch it again.',
  GGUF_NESTED_ARRAY: 'Arrays hold numbers, booleans or strings; do not trust the file.',
  GGUF_DUPLICATE_KEY: 'Readers disagree on which one counts; convert the model again.',
  GGUF_DUPLICATE_TENSOR: 'Readers disagree on which one counts; convert the model again.',
  GGUF_BAD_ALIGNMENT: 'general.alignment is a u32 and a power of two; leave it out to get 32.',
  GGUF_BAD_SHAPE: 'A tensor has at most four dimensions.',
  GGUF_SHAPE_OVERFLOW: 'No real tensor is this large; do not trust the file.',
  GGUF_TYPE_UNSUPPORTED: 'Get the model in another quantization, for example Q4_K_M or Q8_0.',
  GGUF_ROW_NOT_WHOLE_BLOCKS: 'Rows are made of whole blocks; convert the model again.',
  GGUF_OFFSET_MISALIGNED: 'Tensors begin at multiples of the alignment; fetch the file again.',
  GGUF_OFFSET_OUT_OF_RANGE: FETCH_AGAIN,
  GGUF_OVERLAP: 'Two tensors share bytes; do not trust the file.',
  GGUF_RANGE: 'Ask for a range inside the tensor.',
  GGUF_READ_TOO_LARGE: 'Stream the tensor or read it by row ranges.',
  GGUF_CLOSED: 'Finish all reads before close().',
  GGUF_BLOCKS_LENGTH: 'Give whole blocks and one float32 for each of their values.',
  GGUF_SPLIT_BAD: 'The parts are not of one model; fetch all of them again.',
  GGUF_SPLIT_NAME: 'Parts are found by their names, <name>-00001-of-0000N.gguf; give them back.',
  GGUF_SPLIT_PART_MISSING: 'All parts of a split model are needed; fetch the missing one.',
  TENSOR_MISSING: 'Compare the name with the tensors of the file.',
} as const

/** Where the problem is and what to do about it. */
export interface GgufErrorDetails {
  readonly file: string
  /** Of the metadata. */
  readonly key?: string | undefined
  readonly tensor?: string | undefined
  readonly hint?: string
  readonly cause?: unknown
}

/**
 * The one error this package throws, apart from the reason of an aborted signal.
 * Its family lies below `hfquant.checkpoint`, so that a caller who knows only checkpoint errors recognises it.
 */
export class GgufError extends Error {
  static readonly family: string = 'hfquant.checkpoint.gguf'
  readonly code: GgufErrorCode
  readonly file: string
  /** Of the metadata, if the problem is one value. */
  readonly key: string | undefined
  readonly tensor: string | undefined
  readonly hint: string
  readonly [family]: string

  constructor(code: GgufErrorCode, message: string, details: GgufErrorDetails) {
    super(
      message.replace(UNPRINTABLE, escaped),
      details.cause === undefined ? undefined : { cause: details.cause },
    )
    this.name = new.target.name
    this.code = code
    this.file = details.file
    this.key = details.key
    this.tensor = details.tensor
    this.hint = details.hint ?? hints[code]
    this[family] = new.target.family
  }

  /** True for this class and its subclasses, even when two copies of the package are loaded. */
  static isInstance<T extends typeof GgufError>(this: T, value: unknown): value is InstanceType<T> {
    const found = (value as { [family]?: unknown } | null | undefined)?.[family]
    return typeof found === 'string' && `${found}.`.startsWith(`${this.family}.`)
  }
}

/** Throws; every message begins with the file. */
export type Refuse = (code: GgufErrorCode, problem: string, details?: Omit<GgufErrorDetails, 'file'>) => never

/** A {@link Refuse} for one file. */
export function refuseFor(file: string): Refuse {
  return (code, problem, details) => {
    throw new GgufError(code, `${file}: ${problem}`, { ...details, file })
  }
}

/** Names come from files: a message shows at most this many characters of one. */
const MAX_QUOTED_CHARACTERS = 200

/** A name from a file, quoted, escaped and cut, fit for a message. */
export function quote(text: string): string {
  const quoted = JSON.stringify(text.slice(0, MAX_QUOTED_CHARACTERS)).replace(UNPRINTABLE, escaped)
  return text.length <= MAX_QUOTED_CHARACTERS ? quoted : `${quoted}…`
}

/** What JSON leaves as it is and a terminal does not show as a character: C1 controls, directions of writing and the like. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

const escaped = (character: string): string =>
  character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')

/** The typed error for a failed call to the operating system. */
export function fileError(cause: unknown, file: string): GgufError {
  if (GgufError.isInstance(cause)) return cause
  if ((cause as { code?: unknown } | null)?.code === 'ENOENT') {
    return new GgufError('FILE_NOT_FOUND', `${file} does not exist`, { file, cause })
  }
  const detail = cause instanceof Error ? cause.message : String(cause)
  return new GgufError('FILE_UNREADABLE', `${file} could not be read: ${detail}`, { file, cause })
}
