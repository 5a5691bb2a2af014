const family: unique symbol = Symbol.for('hfquant.error.family')

/** What can be wrong, one code per kind; each has a default hint in {@link hints}. */
export type SafetensorsErrorCode = keyof typeof hints

/** The next step for whoever meets the error, used when the place that throws knows nothing better. */
const hints = {
  FILE_NOT_FOUND: 'Check the path; the download may be incomplete.',
  FILE_UNREADABLE: 'Check that the path is a regular file and may be read.',
  FILE_EXISTS: 'Remove the file first or choose another folder.',
  FILE_NOT_WRITABLE: 'Check the free space and the permissions of the folder.',
  SAFETENSORS_STAND_IN: 'Fetch the file itself.',
  SAFETENSORS_TRUNCATED: 'The file is cut short; fetch it again.',
  SAFETENSORS_TRAILING_BYTES: 'The file is damaged or has something appended; fetch it again.',
  SAFETENSORS_HEADER_TOO_LARGE: 'This is no safetensors file, or a hostile one; do not trust it.',
  SAFETENSORS_BAD_HEADER: 'The file is damaged or in another format; fetch it again.',
  SAFETENSORS_BAD_METADATA: '__metadata__ maps strings to strings; store other values as JSON text.',
  SAFETENSORS_BAD_NAME: 'Rename the tensor.',
  SAFETENSORS_BAD_SHAPE: 'A shape is a list of whole numbers, 0 or larger.',
  SAFETENSORS_DUPLICATE_KEY: 'Readers disagree on which one counts; write the file again with unique names.',
  SAFETENSORS_UNKNOWN_DTYPE: 'The file may need a newer version of this package.',
  SAFETENSORS_SHAPE_OVERFLOW: 'No real tensor is this large; do not trust the file.',
  SAFETENSORS_SIZE_MISMATCH: 'Dtype, shape and data disagree; write the file again.',
  SAFETENSORS_OFFSET_OUT_OF_RANGE: 'The header is damaged; fetch the file again.',
  SAFETENSORS_OVERLAP: 'Two tensors share bytes, which the format forbids; write the file again.',
  SAFETENSORS_HOLE: 'Bytes belong to no tensor, which the format forbids; write the file again.',
  SAFETENSORS_RANGE: 'Ask for a range inside the tensor.',
  SAFETENSORS_ROW_NOT_BYTE_ALIGNED:
    'Choose rows that begin and end on whole bytes, or read the whole tensor.',
  SAFETENSORS_READ_TOO_LARGE: 'Stream the tensor or read it by row ranges.',
  SAFETENSORS_CLOSED: 'Finish all reads and writes before close().',
  TENSOR_MISSING: 'The download may be incomplete; compare the file with its index.',
  INDEX_BAD: 'The index is damaged or in another format; fetch it again.',
  INDEX_PATH_ESCAPES: 'An index may only name files inside its own folder; do not trust it.',
} as const

/** Where the problem is and what to do about it. */
export interface SafetensorsErrorDetails {
  readonly file: string
  readonly tensor?: string
  readonly hint?: string
  readonly cause?: unknown
}

/**
 * The one error this package throws, apart from the reason of an aborted signal.
 * Its family lies below `hfquant.checkpoint`, so that a caller who knows only checkpoint errors recognises it.
 */
export class SafetensorsError extends Error {
  static readonly family: string = 'hfquant.checkpoint.safetensors'
  readonly code: SafetensorsErrorCode
  readonly file: string
  readonly tensor: string | undefined
  readonly hint: string
  readonly [family]: string

  constructor(code: SafetensorsErrorCode, message: string, details: SafetensorsErrorDetails) {
    super(
      message.replace(UNPRINTABLE, escaped),
      details.cause === undefined ? undefined : { cause: details.cause },
    )
    this.name = new.target.name
    this.code = code
    this.file = details.file
    this.tensor = details.tensor
    this.hint = details.hint ?? hints[code]
    this[family] = new.target.family
  }

  /** True for this class and its subclasses, even when two copies of the package are loaded. */
  static isInstance<T extends typeof SafetensorsError>(this: T, value: unknown): value is InstanceType<T> {
    const found = (value as { [family]?: unknown } | null | undefined)?.[family]
    return typeof found === 'string' && `${found}.`.startsWith(`${this.family}.`)
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

/** A shape from a file, cut, fit for a message. */
export function quoteShape(shape: readonly number[]): string {
  const shown = shape.slice(0, 16).join(', ')
  return shape.length <= 16 ? `[${shown}]` : `[${shown}, … ${shape.length} dimensions]`
}

/** The typed error for a failed call to the operating system. */
export function fileError(cause: unknown, file: string, doing: 'read' | 'write'): SafetensorsError {
  if (SafetensorsError.isInstance(cause)) return cause
  const reason = (cause as { code?: unknown } | null)?.code
  if (reason === 'ENOENT') {
    return new SafetensorsError('FILE_NOT_FOUND', `${file} does not exist`, { file, cause })
  }
  if (reason === 'EEXIST') {
    return new SafetensorsError('FILE_EXISTS', `${file} exists already`, { file, cause })
  }
  const code = doing === 'read' ? 'FILE_UNREADABLE' : 'FILE_NOT_WRITABLE'
  const detail = cause instanceof Error ? cause.message : String(cause)
  return new SafetensorsError(
    code,
    `${file} could not be ${doing === 'read' ? 'read' : 'written'}: ${detail}`,
    {
      file,
      cause,
    },
  )
}
