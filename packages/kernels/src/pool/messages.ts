import {
  AddressSpaceError,
  KernelError,
  type KernelErrorCode,
  KernelFailedError,
  KernelIoError,
  KernelMemoryError,
  UnknownKernelError,
} from '../errors.js'
import type { KernelResult } from '../kernel.js'

/** What a worker answers; exactly one answer follows each task. */
export type WorkerAnswer = { readonly result: KernelResult } | { readonly error: ErrorData }

/** An error on its way between threads, where classes do not survive. */
export interface ErrorData {
  readonly code: KernelErrorCode
  readonly message: string
  readonly hint: string | undefined
  readonly errno: string | undefined
  /** Kernel names that exist, for `KERNEL_UNKNOWN`. */
  readonly known: readonly string[]
  /** What the error was caused by, as far as it can be cloned. */
  readonly cause: unknown
}

/** Worker side: any thrown value as plain data. */
export function toErrorData(kernel: string, thrown: unknown): ErrorData {
  const isTyped = KernelError.isInstance(thrown) || AddressSpaceError.isInstance(thrown)
  const error = isTyped
    ? thrown
    : new KernelFailedError(`kernel "${kernel}" failed: ${messageOf(thrown)}`, { cause: thrown })
  return {
    code: error.code,
    message: error.message,
    hint: error.hint,
    errno: error.errno,
    known: UnknownKernelError.isInstance(error) ? error.known : [],
    // Errors clone as errors; anything else a plug-in may have thrown is kept as text.
    cause: error.cause instanceof Error ? error.cause : error.cause && String(error.cause),
  }
}

/** Main side: the typed error again. */
export function fromErrorData(kernel: string, data: ErrorData): KernelError {
  const { code, message, known } = data
  if (code === 'ADDRESS_SPACE') return new AddressSpaceError(data.cause)
  if (code === 'KERNEL_IO') return new KernelIoError(message, data)
  if (code === 'KERNEL_MEMORY') return new KernelMemoryError(message, data)
  if (code === 'KERNEL_FAILED') return new KernelFailedError(message, data)
  if (code === 'KERNEL_UNKNOWN') return new UnknownKernelError(kernel, known)
  return new KernelError(code, message, data)
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
