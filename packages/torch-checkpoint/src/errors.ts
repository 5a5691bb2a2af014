const family: unique symbol = Symbol.for('hfquant.error.family')

/** What can be wrong, one code per kind; each has a default hint in {@link hints}. */
export type TorchCheckpointErrorCode = keyof typeof hints

const FETCH_AGAIN = 'The file is damaged or cut short; fetch it again.'
const DO_NOT_TRUST = 'No PyTorch version writes this; do not trust the file.'
const SAVE_AGAIN =
  'Save the state dict again with torch.save, or convert it to safetensors where it was made.'

/** The next step for whoever meets the error, used when the place that throws knows nothing better. */
const hints = {
  FILE_NOT_FOUND: 'Check the path; the download may be incomplete.',
  FILE_UNREADABLE: 'Check that the path is a regular file and may be read.',
  FILE_TRUNCATED: 'The file became shorter while it was open; do not write to a file in use.',
  FILE_CLOSED: 'Finish all reads before close().',
  FORMAT_UNKNOWN: 'Expected a file written by torch.save; check that the download is complete.',
  BIG_ENDIAN: 'Save the file again on a little-endian machine.',
  ZIP_BAD: FETCH_AGAIN,
  ZIP_LIMIT: DO_NOT_TRUST,
  ZIP_COMPRESSED:
    'Expected a file of torch.save, which stores without compression; TorchScript programs are not read.',
  ZIP_ENCRYPTED: 'torch.save writes no encrypted entries; decrypt the file first.',
  ZIP_BAD_NAME: DO_NOT_TRUST,
  ZIP_DUPLICATE_NAME: 'Readers disagree on which one counts; do not trust the file.',
  ZIP_OVERLAP: DO_NOT_TRUST,
  ZIP_ENTRY_MISSING: 'Expected a file written by torch.save; other zip files cannot be read.',
  LEGACY_BAD: FETCH_AGAIN,
  PICKLE_BAD: FETCH_AGAIN,
  PICKLE_TRUNCATED: FETCH_AGAIN,
  PICKLE_OPCODE_REFUSED: 'torch.save writes no such opcode for a state dict; do not trust the file.',
  PICKLE_CLASS_REFUSED: 'Only tensors, plain containers and the torchao classes are read; save a state dict.',
  PICKLE_CALL_REFUSED:
    'Save a plain state dict of dense CPU tensors with torch.save; if the file claims to be one, do not trust it.',
  PICKLE_DUPLICATE_KEY: 'Readers disagree on which one counts; write the file again with unique names.',
  PICKLE_RECURSION: DO_NOT_TRUST,
  PICKLE_LIMIT: 'No real checkpoint is this large before its data; do not trust the file.',
  OBJECT_BAD: 'The file may come from a newer torchao; finalize the model again with a supported one.',
  STORAGE_MISSING: FETCH_AGAIN,
  STORAGE_SIZE_MISMATCH: FETCH_AGAIN,
  TENSOR_BAD: DO_NOT_TRUST,
  TENSOR_OUT_OF_RANGE: DO_NOT_TRUST,
  TENSOR_TOO_LARGE: SAVE_AGAIN,
  TENSOR_LAYOUT: SAVE_AGAIN,
  STATE_DICT_BAD: 'Save only the state dict: torch.save(model.state_dict(), path).',
  TENSOR_RANGE: 'Ask for a range inside the tensor.',
  TENSOR_FOREIGN: 'Read a tensor through its own file: tensor.file.read(tensor).',
  READ_TOO_LARGE: 'Stream the tensor or read it by row ranges.',
  INDEX_BAD: 'The index is damaged or in another format; fetch it again.',
  INDEX_PATH_ESCAPES: 'An index may only name files inside its own folder; do not trust it.',
} as const

/** Where the problem is and what to do about it. */
export interface TorchCheckpointErrorDetails {
  readonly file: string
  readonly tensor?: string
  /** Full dotted name of the class or function that was refused. */
  readonly refused?: string
  readonly hint?: string
  readonly cause?: unknown
}

/**
 * The one error this package throws, apart from the reason of an aborted signal.
 * Its family lies below `hfquant.checkpoint`, so that a caller who knows only checkpoint errors recognises it.
 */
export class TorchCheckpointError extends Error {
  static readonly family: string = 'hfquant.checkpoint.torch'
  readonly code: TorchCheckpointErrorCode
  readonly file: string
  readonly tensor: string | undefined
  /** Full dotted name of the class or function that was refused, if that is the problem. */
  readonly refused: string | undefined
  readonly hint: string
  readonly [family]: string

  constructor(code: TorchCheckpointErrorCode, message: string, details: TorchCheckpointErrorDetails) {
    super(
      message.replace(UNPRINTABLE, escaped),
      details.cause === undefined ? undefined : { cause: details.cause },
    )
    this.name = new.target.name
    this.code = code
    this.file = details.file
    this.tensor = details.tensor
    this.refused = details.refused
    this.hint = details.hint ?? hints[code]
    this[family] = new.target.family
  }

  /** True for this class and its subclasses, even when two copies of the package are loaded. */
  static isInstance<T extends typeof TorchCheckpointError>(
    this: T,
    value: unknown,
  ): value is InstanceType<T> {
    const found = (value as { [family]?: unknown } | null | undefined)?.[family]
    return typeof found === 'string' && `${found}.`.startsWith(`${this.family}.`)
  }
}

/** Throws; every message begins with the file. */
export type Refuse = (
  code: TorchCheckpointErrorCode,
  problem: string,
  details?: Omit<TorchCheckpointErrorDetails, 'file'>,
) => never

/** A {@link Refuse} for one file. */
export function refuseFor(file: string): Refuse {
  return (code, problem, details) => {
    throw new TorchCheckpointError(code, `${file}: ${problem}`, { ...details, file })
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

/** A dotted name from a file: as it is when it looks like one, quoted otherwise. */
export function quoteDotted(name: string): string {
  return name.length <= MAX_QUOTED_CHARACTERS && /^[\w.]+$/.test(name) ? name : quote(name)
}

/** Whole numbers from a file, cut, fit for a message. */
export function quoteNumbers(numbers: readonly number[]): string {
  const shown = numbers.slice(0, 16).join(', ')
  return numbers.length <= 16 ? `[${shown}]` : `[${shown}, … ${numbers.length} numbers]`
}

/** The typed error for a failed call to the operating system. */
export function fileError(cause: unknown, file: string): TorchCheckpointError {
  if (TorchCheckpointError.isInstance(cause)) return cause
  if ((cause as { code?: unknown } | null)?.code === 'ENOENT') {
    return new TorchCheckpointError('FILE_NOT_FOUND', `${file} does not exist`, { file, cause })
  }
  const detail = cause instanceof Error ? cause.message : String(cause)
  return new TorchCheckpointError('FILE_UNREADABLE', `${file} could not be read: ${detail}`, { file, cause })
}
