import { OutputError } from '../errors/families.js'

/** An error of the file system, or of a kernel that wrote a file, as a typed error that says where and what to do. */
export function outputError(cause: unknown, path: string): OutputError {
  if (OutputError.isInstance(cause)) return cause
  const errno = errnoOf(cause)
  const full = errno !== undefined && FULL.has(errno)
  return new OutputError(
    full ? 'DISK_FULL' : 'OUTPUT_FAILED',
    `cannot write ${path}: ${full ? 'no space left' : ((cause as Error | undefined)?.message ?? String(cause))}`,
    {
      file: path,
      found: errno,
      hint: full ? 'Free some space or choose another folder; nothing was left behind.' : HINTS[errno ?? ''],
      cause,
    },
  )
}

/** True for failures of writing, as opposed to failures of reading or computing. */
export const isOutputFailure = (cause: unknown): boolean => FULL.has(errnoOf(cause) ?? '')

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

const HINTS: Readonly<Record<string, string>> = {
  EACCES: 'Check the permissions of the folder.',
  EPERM: 'Check the permissions of the folder.',
  EROFS: 'The file system is read-only; choose another folder.',
  ENOTDIR: 'A part of the path is a file; choose another folder.',
  EEXIST: 'Choose another folder.',
}

/** The system's name of the failure, which may be wrapped in errors of other packages. */
function errnoOf(error: unknown): string | undefined {
  const { errno, code, cause } = (error ?? {}) as { errno?: unknown; code?: unknown; cause?: unknown }
  const inner = cause === undefined ? undefined : errnoOf(cause)
  return inner ?? (typeof errno === 'string' ? errno : typeof code === 'string' ? code : undefined)
}
